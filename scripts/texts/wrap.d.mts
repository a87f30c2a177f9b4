/** The text of a source file with its long comments wrapped. */
export function wrapComments(source: string): string;
