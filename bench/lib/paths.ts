/** Where things are. Everything the bench makes is under bench/build, which git ignores. */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = realpathSync(fileURLToPath(new URL('../..', import.meta.url)));
export const build = join(root, 'bench/build');
export const logs = join(build, 'log');

export const native = (file: string): string => join(root, 'bench/native', file);
export const binary = (name: string): string => join(build, 'bin', name);
export const data = (name: string): string => join(build, 'data', name);
/** Certificate and key of the servers with TLS. */
export const certificate = join(build, 'tls.pem');
export const peer = (name: string): string => join(root, 'bench/peers', name);
export const telpty = join(root, 'dist/cli/main.js');
