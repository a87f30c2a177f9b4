/// <reference types="node" preserve="true" />
/**
 * `telpty/pty`: a program on a pseudo-terminal, without Telnet.
 *
 * @module telpty/pty
 */
export { Cgroup, type CgroupEnd, Cgroups, openCgroups } from './cgroup/cgroup.ts';
export type { CgroupLimits } from './cgroup/limits.ts';
export { type ControlCharacter, type ModeFlag, type Modes, saneModes } from './modes.ts';
export type { Limit, Limits, PtyOptions } from './options.ts';
export type { ExitStatus } from './program.ts';
export { type HangupOptions, Pty } from './pty.ts';
export { preparePty, spawnPty, startPty } from './start.ts';
export { openUserRange, RangeUser, UserRange } from './user-range.ts';
export { lookupUser, type User } from './users.ts';
