/**
 * Which side edits and echoes, for every combination of facts, and with each kind of client that follows the decisions.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Client, type Decision, decide, type Facts } from '../../../src/shells/line-editing/decision.ts';

const FLAGS = [
  'icanon',
  'echo',
  'refused',
  'editProposed',
  'inEdit',
  'declined',
  'proven',
  'rested',
  'inLine',
] as const;
const CLIENTS: readonly Client[] = ['character', 'linemode', 'line'];

function* combinations(): Generator<Facts> {
  for (const client of CLIENTS) {
    for (let bits = 0; bits < 1 << FLAGS.length; bits++) {
      const flags = FLAGS.map((flag, place) => [flag, (bits & (1 << place)) !== 0]);
      yield { client, ...Object.fromEntries(flags) } as Facts;
    }
  }
}

const show = (value: object): string => JSON.stringify(value);

test('every combination of facts has a possible decision', () => {
  let count = 0;
  for (const facts of combinations()) {
    count++;
    const decision = decide(facts);
    const { editor, echoer, edit, willEcho, extproc, ownEcho } = decision;
    const why = show({ facts, decision });
    assert.equal(editor === 'program', editor !== 'client' && !facts.icanon, why);
    assert.ok(echoer !== 'kernel' || (facts.echo && ownEcho), why);
    assert.ok(!extproc || facts.icanon, why);
    assert.ok(!edit || (facts.client === 'linemode' && facts.icanon && !facts.declined), why);
    // The terminal's ECHO is only switched off for clients that echo.
    assert.ok(ownEcho || echoer === 'client', why);
    assert.ok(willEcho !== false || echoer === 'client', why);
    if (facts.icanon && !facts.echo) assert.ok(echoer === 'nobody' || facts.refused, why);
    if (facts.inLine && !facts.editProposed) assert.equal(edit, false, why);
  }
  assert.equal(count, CLIENTS.length << FLAGS.length);
});

/** How a client responds to requests. */
interface Manner {
  readonly client: Client;
  readonly refusesEcho: boolean;
  /**
   * Its response to MODE EDIT: acknowledges it, acknowledges a mode without it, or, without LINEMODE, does not answer.
   */
  readonly edit: 'takes' | 'declines' | 'ignores';
}

const MANNERS: readonly Manner[] = [
  ...[false, true].flatMap(refusesEcho => [
    { client: 'character' as const, refusesEcho, edit: 'ignores' as const },
    { client: 'line' as const, refusesEcho, edit: 'ignores' as const },
    ...(['takes', 'declines', 'ignores'] as const).map(edit => ({ client: 'linemode' as const, refusesEcho, edit })),
  ]),
];

/** A client and a driver without timers: the requests, and the facts that both know. */
class Simulation {
  readonly manner: Manner;
  facts: Facts;
  /** The last request for ECHO, and all requests. */
  echo: boolean;
  readonly said: string[] = [];

  constructor(manner: Manner) {
    this.manner = manner;
    const nothing = Object.fromEntries(FLAGS.map(flag => [flag, false]));
    // WILL ECHO was sent to all except MUD clients.
    this.echo = manner.client !== 'line';
    const refused = this.echo && manner.refusesEcho;
    this.facts = { ...(nothing as unknown as Facts), client: manner.client, refused };
  }

  /** Follows a change of the terminal until no more requests are sent. */
  follow(changes: Partial<Facts>): Decision {
    this.facts = { ...this.facts, ...changes };
    for (let round = 0; round < 5; round++) {
      const decision = decide(this.facts);
      const before = this.said.length;
      this.#willEcho(decision);
      if (this.said.length === before) return decision;
    }
    assert.fail(`does not terminate: ${show(this.facts)}: ${this.said.join()}`);
  }

  #willEcho({ edit, willEcho }: Decision): void {
    const { manner } = this;
    if (edit !== this.facts.editProposed) {
      this.said.push(edit ? 'EDIT' : 'MODE 0');
      const answers = manner.edit !== 'ignores';
      const inEdit = edit && manner.edit === 'takes';
      const { proven, declined } = this.facts;
      this.facts = {
        ...this.facts,
        ...{ editProposed: edit, inEdit },
        ...{ proven: proven || answers, declined: declined || (edit && manner.edit === 'declines') },
      };
    }
    if (willEcho === undefined || willEcho === this.echo) return;
    this.echo = willEcho;
    this.said.push(willEcho ? 'WILL' : 'WONT');
    if (willEcho) this.facts = { ...this.facts, refused: manner.refusesEcho };
  }

  check(decision: Decision): void {
    const { facts } = this;
    const why = show({ manner: this.manner, facts, decision, said: this.said });
    const performsEcho = this.echo && !this.manner.refusesEcho;
    const clientEdits = facts.client === 'line' || facts.inEdit;
    const kernelEdits = facts.icanon && !decision.extproc;
    // Our ECHO makes a character client send keys and display nothing itself.
    const clientEchoes = !performsEcho;
    const kernelEchoes = facts.echo && decision.ownEcho && !decision.extproc;
    assert.ok(!(clientEdits && kernelEdits), `two editors: ${why}`);
    assert.ok(!facts.icanon || clientEdits || kernelEdits, `no editor: ${why}`);
    assert.ok(!(clientEchoes && kernelEchoes && (facts.icanon || facts.client !== 'line')), `two echoers: ${why}`);
    assert.equal(decision.editor, clientEdits ? 'client' : kernelEdits ? 'kernel' : 'program', why);
    assert.equal(decision.echoer, clientEchoes ? 'client' : kernelEchoes ? 'kernel' : 'nobody', why);
    if (!facts.icanon || facts.echo) return;
    assert.equal(kernelEchoes, false, `the kernel echoes a password: ${why}`);
    assert.ok(!clientEchoes || this.manner.refusesEcho, `the client echoes a password: ${why}`);
  }
}

/** Every sequence of `length` changes of a terminal's ICANON and ECHO, with the program waiting for a line or not. */
function* sequences(length: number): Generator<Partial<Facts>[]> {
  const changes = [0, 1, 2, 3, 4, 5, 6, 7].map(bits => ({
    ...{ icanon: (bits & 1) !== 0, echo: (bits & 2) !== 0, rested: (bits & 4) !== 0 },
  }));
  if (length === 0) yield [];
  else for (const rest of sequences(length - 1)) for (const change of changes) yield [change, ...rest];
}

for (const manner of MANNERS) {
  const { client, refusesEcho, edit } = manner;
  const how = `${client}${refusesEcho ? ', refuses ECHO' : ''}${client === 'linemode' ? `, ${edit} EDIT` : ''}`;
  test(`${how}: one editor, one echo, no password echoed, no useless request`, () => {
    for (const sequence of sequences(3)) {
      const simulation = new Simulation(manner);
      for (const change of sequence) {
        const { length } = simulation.said;
        const { refused: wasRefused, editProposed: wasEdit, declined } = simulation.facts;
        const decision = simulation.follow(change);
        simulation.check(decision);
        const news = simulation.said.slice(length);
        const { icanon, echo } = simulation.facts;
        const isPassword = icanon && !echo;
        if (wasRefused) assert.ok(!news.includes('WILL') || isPassword, `requested again: ${news}`);
        if (wasEdit && icanon && !declined)
          assert.ok(!news.includes('MODE 0'), 'EDIT ends although the program reads lines');
        assert.ok(new Set(news).size === news.length, `requested twice: ${news}`);
        // A second application sends nothing.
        assert.deepEqual(simulation.follow({}), decision);
        assert.equal(simulation.said.length, length + news.length);
      }
      const edits = simulation.said.filter(word => word === 'EDIT').length;
      assert.ok(edit !== 'declines' || edits <= 1, `EDIT ${edits} times to a client that declines it`);
      assert.ok(client === 'linemode' || edits === 0, 'EDIT to a client without LINEMODE');
    }
  });
}
