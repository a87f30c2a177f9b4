/** The check of `--web-password`, which does not load the gateway. */
import { TelptyError } from '../../errors.ts';
import { readPasswordFile } from '../../web/login/password-file.ts';
import type { ServeSettings } from '../serve/settings.ts';

/** @throws TelptyError `ERR_RUNTIME` if the file of `--web-password` cannot be used. */
export function checkWebPasswords({ webPassword }: ServeSettings): void {
  if (webPassword !== undefined) withOptionName(() => readPasswordFile(webPassword));
}

/** Calls `read`, and puts the name of the option in front of its error. */
export function withOptionName<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TelptyError)) throw error;
    throw new TelptyError(error.code, `--web-password: ${error.message}`, { cause: error });
  }
}
