import { readFileSync } from 'node:fs';

/** The text of a file of docs/, or of README.md. */
export function document(name: string): string {
  return readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
}

/** The rows of the table whose first column has this heading: the texts of its cells, without surrounding backticks. */
export function table(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex(line => line.startsWith(`| ${heading} `) && line.endsWith('|'));
  if (start < 0) throw new Error(`there is no table of '${heading}'`);
  const rest = lines.slice(start + 2);
  const end = rest.findIndex(line => !line.startsWith('|'));
  return (end < 0 ? rest : rest.slice(0, end)).map(cells);
}

function cells(line: string): string[] {
  return line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map(cell => cell.trim().replace(/^`(.*)`$/, '$1'));
}

/** The names that an interface in a file of src/ declares. */
export function membersOf(file: string, name: string): string[] {
  return [...commentsOf(file, name).keys()].sort();
}

/** The members of an interface in a file of src/, with the text of their comments. */
export function commentsOf(file: string, name: string): Map<string, string> {
  const [, body = ''] = new RegExp(`^export interface ${name}[^{]*\\{\\n(.*?)^\\}`, 'ms').exec(document(file)) ?? [];
  const members = body.matchAll(/(?:^ {2}\/\*\*((?:(?!\*\/).)*)\*\/\n)?^ {2}(?:readonly )?'?([\w-]+)'?\??:/gms);
  return new Map([...members].map(([, comment = '', member = '']) => [member, comment.replace(/\s+(?:\* )?/g, ' ')]));
}

/** The command of a document with this name, as in "sh NAME". */
export function commandOf(markdown: string, name: string): string {
  const [, command] = new RegExp(`^\`\`\`sh ${name}\\n(.*?)^\`\`\`$`, 'ms').exec(markdown) ?? [];
  if (command === undefined) throw new Error(`there is no command '${name}'`);
  return command;
}
