import type { Verb } from '../constants.ts';
import type { WarningCode } from '../events.ts';

/** One piece of the stream. Views are borrowed: they are valid until the next call of the parser. */
export type Token =
  | { readonly kind: 'data'; readonly view: Uint8Array }
  | { readonly kind: 'command'; readonly command: number }
  | { readonly kind: 'negotiation'; readonly verb: Verb; readonly option: number }
  | { readonly kind: 'subnegotiation'; readonly option: number; readonly payload: Uint8Array }
  | {
      readonly kind: 'fault';
      readonly code: WarningCode;
      readonly message: string;
      readonly option?: number | undefined;
    };

/** A protocol error of the peer. The message is one line, and contains no peer data except numbers. */
export function fault(code: WarningCode, message: string, option?: number): Token {
  return { kind: 'fault', code, message, option };
}
