/** What a fuzz target is. */
export interface Target {
  readonly name: string;
  /** The longest input, in bytes. */
  readonly longest: number;
  /** Where it begins. */
  seeds(): Uint8Array[];
  /** Runs one input; throws, or rejects, where something is wrong. */
  run(input: Uint8Array): void | Promise<void>;
}
