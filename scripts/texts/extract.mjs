// The prose of a file: Markdown, comments, and string literals, as units that hold whole sentences.
//
// A unit is a paragraph: the lines of one comment or one block of Markdown, joined by spaces. So a phrase is also found
// where a line breaks. Code spans, addresses and expressions in template literals are masked. A mask has the length of
// its text, counts as one word, and cannot form a phrase with its neighbours.
//
// TypeScript and JavaScript are read with TypeScript's own parser: only it knows a regular expression from a division.

import { extname } from 'node:path';
import ts from 'typescript';

/**
 * @typedef {object} Unit
 * @property {'comment' | 'string' | 'markdown'} kind
 * @property {string} text
 * @property {{ start: number, line: number, length: number }[]} lines Where in `text` each line of the file begins, its
 *   number, and its length in columns.
 */

/** The units of `source`, by the extension of `file`; undefined if that kind of file is not read. */
export function extract(file, source) {
  const reader = READERS[extname(file)];
  if (reader !== undefined) return reader(source, file);
  return source.startsWith('#!') && /^#!.*\b(ba)?sh\b/.test(source) ? fromHashComments(source) : undefined;
}

/** The line of the file that holds the offset `at` of a unit. */
export function lineOf(unit, at) {
  let line = unit.lines[0].line;
  for (const each of unit.lines) if (each.start <= at) line = each.line;
  return line;
}

const READERS = {
  '.md': fromMarkdown,
  '.ts': fromTypeScript,
  '.mts': fromTypeScript,
  '.mjs': fromTypeScript,
  '.c': fromC,
  '.h': fromC,
  '.sh': fromHashComments,
};

/** `length` characters that count as one word. */
function mask(length) {
  return length < 3 ? 'X'.repeat(length) : `X${'_'.repeat(length - 2)}X`;
}

function masked(text) {
  return text
    .replace(/``[^`]+``|`[^`]+`|\{@\w+ [^}]*\}/g, found => mask(found.length))
    .replace(/\bhttps?:\/\/[^\s)>\]]+/g, found => mask(found.length));
}

/** @returns {Unit} */
function unit(kind, rows) {
  let text = '';
  const lines = [];
  for (const { text: row, line, length } of rows) {
    if (text !== '') text += ' ';
    lines.push({ start: text.length, line, length: length ?? row.length });
    text += row;
  }
  return { kind, text: masked(text), lines };
}

/** Splits rows at empty ones, and before the items of a list, the tags of a doc comment and the rows of a table. */
function paragraphs(kind, rows) {
  const units = [];
  let current = [];
  const flush = () => {
    if (current.length > 0) units.push(unit(kind, current));
    current = [];
  };
  for (const row of rows) {
    const text = row.text.trim();
    if (text === '') flush();
    else {
      if (/^(?:[-*+] |\d+[.)] |@[a-z]|\||#{1,6} )/.test(text)) flush();
      current.push({ ...row, text });
      if (/^(?:\||#{1,6} )/.test(text)) flush();
    }
  }
  flush();
  return units;
}

// Markdown

function fromMarkdown(source) {
  const rows = [];
  const units = [];
  let fence;
  source.split('\n').forEach((text, index) => {
    const line = index + 1;
    const mark = /^\s*(```+|~~~+)/.exec(text)?.[1];
    if (fence !== undefined) {
      if (mark?.startsWith(fence)) fence = undefined;
      rows.push({ text: '', line });
    } else if (mark !== undefined) {
      fence = mark;
      rows.push({ text: '', line });
    } else if (/^(?: {4}|\t)/.test(text) && (rows.at(-1)?.text ?? '') === '') {
      rows.push({ text: '', line });
    } else if (/^\s*\|/.test(text)) {
      rows.push({ text: '', line });
      // Each cell is a unit: a sentence does not go on in the next one.
      for (const cell of text
        .trim()
        .replace(/^\||\|$/g, '')
        .split(/(?<!\\)\|/)) {
        if (/[a-z]/i.test(cell)) units.push(unit('markdown', [{ text: unlinked(cell.trim()), line, length: 0 }]));
      }
    } else {
      rows.push({ text: unlinked(text.replace(/^\s*>\s?/, '')), line, length: 0 });
    }
  });
  return [...units, ...paragraphs('markdown', rows)];
}

/** Without the targets of links, HTML comments and emphasis. */
function unlinked(text) {
  return text
    .replace(/<!--.*?-->/g, '')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/^\[[^\]]+\]: .*/, '')
    .replace(/\*\*|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)/g, '')
    .replace(/^#{1,6} /, '');
}

// TypeScript and JavaScript

function fromTypeScript(source, file) {
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true);
  const lineAt = offset => tree.getLineAndCharacterOfPosition(offset).line + 1;
  const comments = new Map();
  const strings = [];

  const visit = node => {
    if (isLiteral(node) && !isSpecifier(node)) {
      const parts = concatenation(node);
      if (parts[0] === node && isProse(outermost(node), file)) strings.push(stringUnit(parts, source, lineAt));
    }
    const children = node.getChildren(tree).filter(child => !isJSDoc(child));
    if (children.length === 0) {
      for (const range of ts.getLeadingCommentRanges(source, node.pos) ?? []) comments.set(range.pos, range);
      for (const range of ts.getTrailingCommentRanges(source, node.pos) ?? []) comments.set(range.pos, range);
      for (const range of ts.getTrailingCommentRanges(source, node.end) ?? []) comments.set(range.pos, range);
    }
    for (const child of children) visit(child);
  };
  visit(tree);
  const found = [...comments.values()]
    .sort((a, b) => a.pos - b.pos)
    .map(({ pos, end }) => ({ pos, end, line: lineAt(pos) }));
  return [...commentUnits(found, source), ...strings.filter(each => each !== undefined)];
}

function isJSDoc(node) {
  return node.kind >= ts.SyntaxKind.FirstJSDocNode && node.kind <= ts.SyntaxKind.LastJSDocNode;
}

function isLiteral(node) {
  return ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateExpression(node);
}

function isSpecifier(node) {
  return (
    ts.isImportDeclaration(node.parent) || ts.isExportDeclaration(node.parent) || ts.isLiteralTypeNode(node.parent)
  );
}

/** The node of the longest chain of `+` that holds `node`. */
function outermost(node) {
  let outer = node;
  while (ts.isBinaryExpression(outer.parent) && outer.parent.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    outer = outer.parent;
  }
  return outer;
}

/** The literals that are joined with `node` by `+`, in their order. */
function concatenation(node) {
  const collect = each =>
    ts.isBinaryExpression(each) ? [...collect(each.left), ...collect(each.right)] : isLiteral(each) ? [each] : [];
  return collect(outermost(node));
}

/**
 * Whether a literal is text of the project. In tests most strings are input and output of programs. Only names of
 * tests, messages of assertions, errors, and names of cases count: arguments of test() and assert.x(), properties such
 * as `name`, and the first string of each row in a table.
 */
function isProse(node, file) {
  if (!file.startsWith('test/')) return true;
  const { parent } = node;
  if (ts.isNewExpression(parent)) return /Error$/.test(parent.expression.getText());
  if (ts.isPropertyAssignment(parent)) return /^(?:name|reason|what|title)$/.test(parent.name.getText());
  if (ts.isArrayLiteralExpression(parent)) {
    return (
      parent.elements[0] === node &&
      ts.isArrayLiteralExpression(parent.parent) &&
      ts.isForOfStatement(parent.parent.parent)
    );
  }
  if (!ts.isCallExpression(parent)) return false;
  const callee = parent.expression.getText();
  if (/^(?:test|suite|describe|it|t\.test)(?:\.\w+)?$/.test(callee)) return parent.arguments[0] === node;
  if (!/^assert\b/.test(callee)) return false;
  const first = /\.fail$/.test(callee) ? 0 : /^assert(?:\.ok)?$/.test(callee) ? 1 : 2;
  return parent.arguments.indexOf(node) >= first;
}

/** A unit for literals that together have at least two words; undefined for others. */
function stringUnit(literals, source, lineAt) {
  const rows = literals.flatMap(node => {
    const line = lineAt(node.getStart());
    // An escape does not begin a line of the file.
    if (!source.slice(node.getStart(), node.end).includes('\n')) return [{ text: paused(textOf(node)), line }];
    return textOf(node)
      .split('\n')
      .map((text, index) => ({ text, line: line + index }));
  });
  return proseUnit(rows);
}

function proseUnit(rows) {
  const trimmed = rows.map(row => ({ ...row, text: row.text.trim() })).filter(row => row.text !== '');
  return trimmed.some(row => /[A-Za-z]{2,}\W+[A-Za-z]/.test(row.text)) ? unit('string', trimmed) : undefined;
}

/** A line feed in a message ends a sentence. */
function paused(value) {
  return value.replace(/[\r\n]+/g, '. ');
}

function textOf(node) {
  if (!ts.isTemplateExpression(node)) return node.text;
  return node.head.text + node.templateSpans.map(span => mask(3) + span.literal.text).join('');
}

/** Comments to units: `//` lines that follow each other are one text. */
function commentUnits(ranges, source) {
  const units = [];
  let rows = [];
  let last;
  const flush = () => {
    units.push(...paragraphs('comment', rows));
    rows = [];
  };
  for (const { pos, end, line } of ranges) {
    const raw = source.slice(pos, end);
    const column = pos - (source.lastIndexOf('\n', pos - 1) + 1);
    if (raw.startsWith('#!')) continue;
    if (raw.startsWith('//')) {
      if (last === undefined || last.line !== line - 1 || last.column !== column) flush();
      rows.push({ text: raw.replace(/^\/\/\/? ?/, ''), line, length: column + raw.length });
      last = { line, column };
    } else {
      flush();
      last = undefined;
      raw.split('\n').forEach((text, index) => {
        const length = text.length + (index === 0 ? column : 0);
        rows.push({ text: text.replace(/^\s*\/?\*+(?!\w)\/?/, '').replace(/\*+\/$/, ''), line: line + index, length });
      });
      flush();
    }
  }
  flush();
  return units;
}

// C

function fromC(source) {
  const comments = [];
  const strings = [];
  const pattern = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'/g;
  let line = 1;
  let counted = 0;
  for (const { 0: raw, index } of source.matchAll(pattern)) {
    for (; counted < index; counted++) if (source[counted] === '\n') line += 1;
    if (raw.startsWith('/')) comments.push({ pos: index, end: index + raw.length, line });
    else if (raw.startsWith('"') && !/#\s*include\s*$/.test(source.slice(0, index))) {
      const text = raw
        .slice(1, -1)
        .replace(/(?:\\[rn])+/g, '. ')
        .replace(/\\(.)/g, '$1');
      strings.push(proseUnit([{ text, line }]));
    }
  }
  return [...commentUnits(comments, source), ...strings.filter(each => each !== undefined)];
}

// Shell

function fromHashComments(source) {
  const rows = source.split('\n').flatMap((text, index) => {
    const row = { line: index + 1, length: text.length };
    const whole = /^\s*#(?!!) ?(.*)$/.exec(text);
    if (whole !== null) return [{ ...row, text: whole[1] }];
    // A comment at the end of a command has nothing to do with its neighbours.
    const trailing = /\s# (.*)$/.exec(text)?.[1] ?? '';
    return ['', trailing, ''].map(each => ({ ...row, text: each }));
  });
  return paragraphs('comment', rows);
}
