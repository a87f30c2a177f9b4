/** What a person is asked whose terminal gives no answer. */
import { encoder } from '../../charset/index.ts';
import type { Session } from '../../session/session.ts';
import type { Chance } from './cursor-probe.ts';

/** How often a person may mistype. */
const ATTEMPTS = 3;
/** The most characters of an answer. */
const LONGEST = 80;

/** Words that are spelt as they sound, also where a machine reads them out, and are not each other's beginning. */
const WORDS = (
  'apple banana basket bridge butter button candle carpet castle cherry circle copper corner cotton dinner donkey dragon ' +
  'engine finger flower forest garden ginger guitar hammer harbor jacket jungle kitten ladder lemon lizard magnet marble ' +
  'market melon mirror monkey orange paper parrot pencil pepper pillow planet pocket potato rabbit ribbon river rocket ' +
  'salad sandal silver spider spring summer sunset table tiger tomato tunnel turtle violin walnut window winter yellow'
).split(' ');

/**
 * Asks for two words to be typed, in one line of plain text, less than 80 characters, so that it can be read out and needs no eye, no arithmetic, and
 * no screen. There are over 5,000 pairs. That they stand within the sentence keeps whoever sends back what he reads from giving the answer.
 *
 * @param signal ends it.
 * @returns whether the words were typed.
 */
export async function askPerson(session: Session, chance: Chance, signal: AbortSignal): Promise<boolean> {
  let greeting = 'To show you are a person,';
  const left = [...WORDS];
  /** Each word once: the same one twice reads like a mistake, and an old pair like the same question. */
  const pick = (): string => left.splice(chance(0, left.length - 1), 1)[0]!;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const words = `${pick()} ${pick()}`;
    session.write(encoder(session.encoding).write(`${greeting} type the words ${words} and press Enter.\r\n`));
    const answer = await readAnswer(session, signal);
    if (answer === undefined) return false;
    if (answer === words) return true;
    greeting = 'That was not right. Now';
  }
  return false;
}

/** The next line that has anything in it; in small letters, and without what people put around words. */
async function readAnswer(session: Session, signal: AbortSignal): Promise<string | undefined> {
  for (;;) {
    const line = await session.readLine({ prompt: '> ', maxLength: LONGEST, signal });
    const answer = line
      ?.toLowerCase()
      .replace(/[^a-z]+/g, ' ')
      .trim();
    if (answer !== '') return answer;
  }
}
