/** Output as a person reads it: without control sequences, with backspaces and overwriting applied. */
import { ROW_START, render } from './prompts.ts';

/**
 * Returns what a terminal without a right edge would show of a text, line by line. Lines end in LF. Control sequences that move
 * within the line are applied; all others, colours above all, are dropped. Tabs are kept.
 */
export function cleanOutput(text: string): string {
  if (!/[\x00-\x08\x0b-\x1f\x7f]/.test(text)) return text;
  return text
    .replace(/\r*\n\r*/g, '\n')
    .replace(ROW_START, '\n')
    .split('\n')
    .map(cleanLine)
    .join('\n');
}

function cleanLine(line: string): string {
  if (!/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) return line;
  // What was erased leaves blanks, and a sequence that never came whole leaves its ESC.
  return render(line, true).text.replaceAll('\x1b', '').trimEnd();
}
