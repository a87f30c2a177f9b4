/** The question to a user whose terminal gave no answer. */
import { encoder } from '../../charset/index.ts';
import type { Session } from '../../session/session.ts';
import type { Chance } from './cursor-probe.ts';

/** Limit of attempts. */
const ATTEMPTS = 3;
/** Limit of an answer, in characters. */
const LONGEST = 80;

/** Words that are spelt as they sound, also if a screen reader reads them aloud. None is a prefix of another. */
const WORDS = (
  'apple banana basket bridge butter button candle carpet castle cherry circle copper corner cotton dinner donkey dragon ' +
  'engine finger flower forest garden ginger guitar hammer harbor jacket jungle kitten ladder lemon lizard magnet marble ' +
  'market melon mirror monkey orange paper parrot pencil pepper pillow planet pocket potato rabbit ribbon river rocket ' +
  'salad sandal silver spider spring summer sunset table tiger tomato tunnel turtle violin walnut window winter yellow'
).split(' ');

/**
 * Asks the user to type two words. The question is one line of plain text of less than 80 characters. A screen reader
 * can read it aloud. It needs no eyesight, no arithmetic and no screen. There are over 5,000 pairs. The words are
 * inside the sentence, so a script that sends back what it reads does not give the answer.
 *
 * @param signal ends the wait for an answer.
 * @returns whether the words were typed.
 */
export async function askPerson(session: Session, chance: Chance, signal: AbortSignal): Promise<boolean> {
  let greeting = 'To show you are a person,';
  const left = [...WORDS];
  /** Uses each word once: the same word twice looks like a mistake, and the same pair like the same question. */
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

/** The next line that is not empty, in lower case and without the punctuation that users add. */
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
