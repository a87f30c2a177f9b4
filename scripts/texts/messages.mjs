/**
 * Prints every message of the program, by kind: errors, log lines, warnings of the engine, texts for clients.
 *
 *     node scripts/texts/messages.mjs [--kind KIND] [--places]
 *
 * A message is a string or template in src/ with at least two words, outside of comments, types, imports and
 * comparisons. Its kind comes from the call or the property around it. `{…}` stands for a value that the program
 * inserts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import ts from 'typescript';

/** The kind of a message by the name of the function around it; the first that matches, from the inside outwards. */
const CALLS = [
  [/^(?:fatal|error)$/, 'log: error'],
  [/^warn(?:ing)?$/i, 'log: warn'],
  [/^info$/, 'log: info'],
  [/^debug$/, 'log: debug'],
  [/^(?:usage|invalid|check|checkValue|problem|firstProblem|fail|failed|unusable|impossible)$/, 'error'],
  [/Error$/, 'error'],
];
/** The kind by the folder, where no call around it says more. */
const FOLDERS = [
  [/^src\/cli\/(?:options|help)\//, 'help'],
  [/^src\/cli\/metrics\//, 'metric'],
  [/^src\/protocol\//, 'engine'],
];

/** Files whose strings are lists of names or patterns, not messages. */
const NAME_LISTS = /(?:charset\/names|locale-names|forbidden-variables|foreign-protocol|terminal\/state)\.ts$/;

const SKIPPED = new Set([
  ts.SyntaxKind.ImportDeclaration,
  ts.SyntaxKind.ExportDeclaration,
  ts.SyntaxKind.LiteralType,
  ts.SyntaxKind.TypeAliasDeclaration,
  ts.SyntaxKind.InterfaceDeclaration,
]);

/**
 * The text of a string or template, with `{…}` for each value; adjacent strings that are joined by `+` are one text.
 */
function textOf(node) {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return (
      node.head.text + node.templateSpans.map(span => `{${shortened(span.expression)}}${span.literal.text}`).join('')
    );
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const parts = [node.left, node.right].map(side => textOf(side) ?? `{${shortened(side)}}`);
    return [node.left, node.right].some(side => textOf(side) !== undefined) ? parts.join('') : undefined;
  }
  return undefined;
}

function shortened(expression) {
  const name = expression.getText().replace(/\s+/g, ' ');
  return name.length <= 24 ? name : '…';
}

function nameOf(call) {
  const { expression } = call;
  if (ts.isIdentifier(expression)) return expression.text;
  return ts.isPropertyAccessExpression(expression) ? expression.name.text.replace(/^#/, '') : '';
}

function kindOf(node, file) {
  for (let at = node.parent; at !== undefined; at = at.parent) {
    if (ts.isCallExpression(at) || ts.isNewExpression(at)) {
      const name = nameOf(at);
      const [, kind] = CALLS.find(([pattern]) => pattern.test(name)) ?? [];
      if (kind === 'log: warn' && file.startsWith('src/protocol/')) return 'engine';
      if (kind !== undefined) return kind;
    }
    if (ts.isThrowStatement(at)) return 'error';
    if (ts.isFunctionLike(at) && at.name !== undefined) break;
  }
  return FOLDERS.find(([pattern]) => pattern.test(file))?.[1] ?? 'other';
}

/** Every message of a file. */
function messagesOf(file) {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const messages = [];
  const visit = node => {
    if (SKIPPED.has(node.kind)) return;
    const text = textOf(node);
    if (text === undefined) {
      ts.forEachChild(node, visit);
      return;
    }
    const words = text.replace(/\{[^}]*\}/g, 'x').match(/[a-zA-Z]{2,}/g) ?? [];
    const isCompared = ts.isBinaryExpression(node.parent) && /^[!=]==?$/.test(node.parent.operatorToken.getText());
    if (words.length >= 2 && / /.test(text.trim()) && !isCompared) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      messages.push({ kind: kindOf(node, file), text, place: `${file}:${line + 1}` });
    }
    if (ts.isTemplateExpression(node)) for (const span of node.templateSpans) visit(span.expression);
  };
  visit(source);
  return messages;
}

const { values } = parseArgs({ options: { kind: { type: 'string' }, places: { type: 'boolean', default: false } } });
const files = readdirSync('src', { recursive: true })
  .filter(name => name.endsWith('.ts') && !NAME_LISTS.test(name))
  .map(name => join('src', name))
  .sort();
const byKind = new Map();
for (const message of files.flatMap(messagesOf))
  byKind.set(message.kind, [...(byKind.get(message.kind) ?? []), message]);
for (const [kind, messages] of [...byKind].sort()) {
  if (values.kind !== undefined && kind !== values.kind) continue;
  process.stdout.write(`\n## ${kind} (${messages.length})\n\n`);
  for (const { text, place } of messages)
    process.stdout.write(
      `${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')}${values.places ? `  [${place}]` : ''}\n`,
    );
}
