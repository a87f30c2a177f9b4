/** Runs the vectors, both in Node and in the page of the browser test. */
import { parseVectors, runVector, WAYS } from '../protocol/support/vectors.ts';

/** One case: the actions of the engine for its input, for each variant of cutting it. */
export interface Outcome {
  readonly file: string;
  readonly line: number;
  readonly title: string;
  readonly ways: { readonly [way: string]: { readonly actual: string[]; readonly expected: string[] } };
}

/** Runs all cases of all files. */
export function outcomes(files: readonly (readonly [name: string, source: string])[]): Outcome[] {
  return files.flatMap(([file, source]) =>
    parseVectors(source).map(vector => ({
      file,
      line: vector.line,
      title: vector.title,
      ways: Object.fromEntries(Object.entries(WAYS).map(([way, cut]) => [way, runVector(vector, cut)])),
    })),
  );
}
