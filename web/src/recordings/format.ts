/** Facts of recordings, as people read them. */

/** Facts that the list and the player show. */
export interface Facts {
  readonly started?: string | Date | undefined;
  readonly program?: string | null | undefined;
  readonly user?: string | null | undefined;
  readonly address?: string | null | undefined;
}

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** The beginning of a recording, in local time. */
export const dateText = ({ started }: Facts): string => (started === undefined ? '' : dates.format(new Date(started)));

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** `512 B`, `1.4 MB`. */
export function sizeText(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1_000 ** unit;
  return `${value.toFixed(unit > 0 && value < 10 ? 1 : 0)} ${UNITS[unit]}`;
}

/** The program without the path to it. */
export const programText = ({ program }: Facts): string => program?.replace(/^\S*\/(?=[^\s/])/, '') ?? 'Terminal';

/** Who used it, from where. */
export const clientText = ({ user, address }: Facts): string => [user, address].filter(Boolean).join(' · ');
