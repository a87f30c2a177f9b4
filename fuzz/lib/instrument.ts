/**
 * Counters in the code under test, so that the fuzzer sees which code an input reached: one at the beginning of each
 * function, branch, loop, case, and after each `&&`, `||`, `??` and `?:`, as compilers put them in for AFL and
 * libFuzzer.
 *
 * Rejected: V8's own precise coverage. Reading it costs more than running the input.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import ts from 'typescript';

/** How many counters there can be. */
export const COUNTERS = 1 << 15;

const sources = fileURLToPath(new URL('../../src/', import.meta.url));
const { factory } = ts;

/** The counters; what has been instrumented finds them under this name. */
export const counters: Uint32Array = new Uint32Array(COUNTERS);
(globalThis as { telptyCounters?: Uint32Array }).telptyCounters = counters;

let next = 0;

/** `telptyCounters[n]++` */
function count(): ts.Expression {
  const place = factory.createElementAccessExpression(
    factory.createPropertyAccessExpression(factory.createIdentifier('globalThis'), 'telptyCounters'),
    next++ % COUNTERS,
  );
  return factory.createPostfixIncrement(place);
}

const counted = (value: ts.Expression) =>
  factory.createParenthesizedExpression(factory.createComma(count(), factory.createParenthesizedExpression(value)));
const countStatement = () => factory.createExpressionStatement(count());
const countedBlock = (statement: ts.Statement) =>
  ts.isBlock(statement)
    ? factory.updateBlock(statement, [countStatement(), ...statement.statements])
    : factory.createBlock([countStatement(), statement], true);

const LOGICAL = new Set([
  ts.SyntaxKind.AmpersandAmpersandToken,
  ts.SyntaxKind.BarBarToken,
  ts.SyntaxKind.QuestionQuestionToken,
]);

function visitor(context: ts.TransformationContext): ts.Visitor {
  const visit: ts.Visitor = node => {
    const seen = ts.visitEachChild(node, visit, context);
    if (ts.isIfStatement(seen)) {
      const other = seen.elseStatement ? countedBlock(seen.elseStatement) : undefined;
      return factory.updateIfStatement(seen, seen.expression, countedBlock(seen.thenStatement), other);
    }
    if (ts.isForStatement(seen))
      return factory.updateForStatement(
        seen,
        seen.initializer,
        seen.condition,
        seen.incrementor,
        countedBlock(seen.statement),
      );
    if (ts.isForOfStatement(seen))
      return factory.updateForOfStatement(
        seen,
        seen.awaitModifier,
        seen.initializer,
        seen.expression,
        countedBlock(seen.statement),
      );
    if (ts.isWhileStatement(seen))
      return factory.updateWhileStatement(seen, seen.expression, countedBlock(seen.statement));
    if (ts.isCaseClause(seen))
      return factory.updateCaseClause(seen, seen.expression, [countStatement(), ...seen.statements]);
    if (ts.isDefaultClause(seen)) return factory.updateDefaultClause(seen, [countStatement(), ...seen.statements]);
    if (ts.isConditionalExpression(seen)) {
      const { condition, questionToken, whenTrue, colonToken, whenFalse } = seen;
      return factory.updateConditionalExpression(
        seen,
        condition,
        questionToken,
        counted(whenTrue),
        colonToken,
        counted(whenFalse),
      );
    }
    if (ts.isBinaryExpression(seen) && LOGICAL.has(seen.operatorToken.kind))
      return factory.updateBinaryExpression(seen, seen.left, seen.operatorToken, counted(seen.right));
    // The body of a function. (A constructor's may have to begin with super().)
    if (ts.isBlock(seen) && ts.isFunctionLike(node.parent) && !ts.isConstructorDeclaration(node.parent))
      return countedBlock(seen);
    return seen;
  };
  return visit;
}

function instrument(file: string): string {
  const transformer: ts.TransformerFactory<ts.SourceFile> = context => source =>
    ts.visitEachChild(source, visitor(context), context);
  return ts.transpileModule(readFileSync(file, 'utf8'), {
    fileName: file,
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
    transformers: { before: [transformer] },
  }).outputText;
}

/**
 * Puts a target and all that it uses into one module, with counters in what is of `src/`.
 *
 * @returns the file to import, which is `into`.
 */
export async function bundle(target: string, into: string): Promise<string> {
  await build({
    entryPoints: [target],
    outfile: into,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'error',
    plugins: [
      {
        name: 'counters',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const isTested = path.startsWith(sources);
            const code = isTested ? instrument(path) : readFileSync(path, 'utf8');
            // A file that looks for others in its own folder must find those of the original.
            const contents = code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
            return { contents, loader: isTested ? 'js' : 'ts' };
          });
        },
      },
    ],
  });
  return into;
}
