import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Session } from '../../src/index.ts';
import { comPort, ModemState } from '../../src/protocol/index.ts';
import { Host } from '../support/servers/host.ts';
import { requireTool } from '../support/system/tools.ts';

// COM-PORT-OPTION (RFC 2217) with pySerial, the client that most scripts use. The server ser2net is in the matrix.

const run = promisify(execFile);

const PYTHON = `
import serial, sys
port = serial.serial_for_url('rfc2217://127.0.0.1:' + sys.argv[1], timeout=240)
port.baudrate = 19200
port.bytesize = 7
port.parity = serial.PARITY_EVEN
port.stopbits = 2
port.dtr = False
port.rts = False
port.break_condition = True
port.break_condition = False
port.reset_input_buffer()
assert port.cts and port.dsr and not port.cd, port.get_modem_state()
port.write(bytes(range(256)))
got = port.read(256)
assert got == bytes(range(256)), got
port.close()
print('fine')
`;

test('pySerial sets up a port, reads its modem lines and exchanges all bytes', { timeout: 600_000 }, async () => {
  const asked: string[] = [];
  const option = comPort({ role: 'server' });
  const shell = async (session: Session): Promise<void> => {
    session.on('telnet', event => {
      const port = session.telnet.handler(option);
      // pySerial sets no mask and sends no request: it waits for notifications.
      if (event.type === 'option' && event.option === option.code && event.side === 'remote') {
        port.notify('NOTIFY-MODEMSTATE', ModemState.CLEAR_TO_SEND | ModemState.DATA_SET_READY);
      }
      if (event.type !== 'com-port') return;
      asked.push(`${event.command} ${event.value ?? ''}`.trim());
      // RFC 2217 requires that each SET is answered with the value in force.
      if (event.command.startsWith('SET-') || event.command === 'PURGE-DATA') {
        port.send(event.command as 'SET-BAUDRATE', event.value as number);
      }
    });
    // BINARY is negotiated with the option.
    for await (const bytes of session) session.write(bytes);
  };
  await using host = await Host.start({ shell, telnetOptions: [option] });
  const { stdout } = await run(requireTool('python3'), ['-c', PYTHON, String(host.port)], { timeout: 300_000 });
  assert.equal(stdout, 'fine\n');
  for (const wanted of ['SET-BAUDRATE 19200', 'SET-DATASIZE 7', 'SET-PARITY EVEN', 'SET-STOPSIZE 2']) {
    assert.ok(asked.includes(wanted), `${wanted}: ${asked}`);
  }
  for (const wanted of [
    'SET-CONTROL DTR-OFF',
    'SET-CONTROL RTS-OFF',
    'SET-CONTROL BREAK-ON',
    'SET-CONTROL BREAK-OFF',
  ]) {
    assert.ok(asked.includes(wanted), `${wanted}: ${asked}`);
  }
});
