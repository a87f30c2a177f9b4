/** Names and texts of the system's error numbers. */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

const errorNames = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno)) {
  if (!errorNames.has(number)) errorNames.set(number, name);
}

/** Name (`'ENOENT'`) and text (`'no such file or directory'`) of an error number, which is positive as in C. */
export function systemError(number: number): { name: string; text: string } {
  const known = getSystemErrorMap().get(-number);
  const name = known?.[0] ?? errorNames.get(number) ?? `error ${number}`;
  return { name, text: known?.[1] ?? name };
}

/** Why a call of Node.js failed: the system's text, such as `'permission denied'`, or the message of another error. */
export function errorText(error: unknown): string {
  const { errno = 0, message } = error as NodeJS.ErrnoException;
  return errno < 0 ? systemError(-errno).text : message;
}

/** An error in the format of Node's own sockets, for a result of the addon. */
export function systemFailure(action: string, result: number): Error {
  const { name, text } = systemError(-result);
  return Object.assign(new Error(`${action} ${name}: ${text}`), { code: name, errno: result, syscall: action });
}
