/** Features around a shell: `use` of createServer(). */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { connect, createServer, limit, type Middleware, type SessionOutcome } from '../../../src/index.ts';

describe('use', () => {
  it('puts the first in the list outermost: it gets the session first and the result last', async () => {
    const order: string[] = [];
    const named =
      (name: string): Middleware =>
      shell =>
      async session => {
        order.push(`${name} begins`);
        const result = await shell(session);
        order.push(`${name} ends`);
        return `${name}(${result})`;
      };
    const server = createServer({
      shell: () => {
        order.push('shell');
        return 'result';
      },
      use: [named('first'), named('second')],
    });
    const settled = once(server, 'settled') as Promise<[unknown, SessionOutcome]>;
    const { port } = await server.listen(0);
    await using _session = await connect({ port });
    assert.deepEqual((await settled)[1], { result: 'first(second(result))' });
    assert.deepEqual(order, ['first begins', 'second begins', 'shell', 'second ends', 'first ends']);
    await server.shutdown();
  });

  it('does not pass clients that the first refuses to the second', async () => {
    let calls = 0;
    const count: Middleware = shell => session => {
      calls++;
      return shell(session);
    };
    const server = createServer({ shell: () => {}, use: [limit({ deny: ['127.0.0.1'] }), count] });
    const settled = once(server, 'settled') as Promise<[unknown, SessionOutcome]>;
    const { port } = await server.listen(0);
    await using _session = await connect({ port });
    assert.deepEqual((await settled)[1], { result: { refused: 'denied' } });
    assert.equal(calls, 0);
    await server.shutdown();
  });

  it('accepts functions only', () => {
    assert.throws(() => createServer({ shell: () => {}, use: [{}] as never }), { code: 'ERR_INVALID_ARGUMENT' });
  });
});
