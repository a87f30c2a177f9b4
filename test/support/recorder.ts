/**
 * Import this before `servers/host.ts`: it ends the thread of the recordings before that looks for what is left. The
 * thread would last as long as the process.
 */
import { after } from 'node:test';
import { endRecorderThread } from '../../src/recording/writing/recorder.ts';

after(() => endRecorderThread());
