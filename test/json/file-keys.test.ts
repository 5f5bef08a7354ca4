import path from 'node:path';
import ts from 'typescript';
import { expect, it } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');
/** The one place where a key that is any text may index an object, because it asks whether the object has it. */
const LOOK_UP = 'src/json/value.ts';

/** Whether a key can be none but those that the code itself names: a literal, a union of them, a number. */
function isNamedInCode(type: ts.Type, checker: ts.TypeChecker): boolean {
  if (type.isUnion()) return type.types.every((one) => isNamedInCode(one, checker));
  const constraint = type.flags & ts.TypeFlags.TypeParameter && checker.getBaseConstraintOfType(type);
  if (constraint) return isNamedInCode(constraint, checker);
  const named =
    ts.TypeFlags.StringLiteral | ts.TypeFlags.NumberLike | ts.TypeFlags.ESSymbolLike | ts.TypeFlags.Undefined;
  return (type.flags & named) !== 0;
}

/** The key that an expression looks up in an object, before it is said to be of a type; undefined for all other expressions. */
function keyOf(node: ts.Node): ts.Expression | undefined {
  const isIn = ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword;
  const key = ts.isElementAccessExpression(node) ? node.argumentExpression : isIn ? node.left : undefined;
  return key && ts.isAsExpression(key) ? key.expression : key;
}

// A class called `constructor`, or an entry called `__proto__`, is found in every object of JavaScript. Tables by such keys
// are Maps; entries of an object are read with `ownEntry` and replaced with `mapEntries`.
it('no key that comes from a file indexes a plain object', () => {
  const config = ts.readConfigFile(path.join(ROOT, 'tsconfig.json'), ts.sys.readFile);
  const { fileNames, options } = ts.parseJsonConfigFileContent(config.config, ts.sys, ROOT);
  const ours = fileNames.filter((name) => /^(src|web)\//.test(path.relative(ROOT, name)));
  const program = ts.createProgram(ours, options);
  const checker = program.getTypeChecker();
  const found: string[] = [];
  const looked = new Set<string>();
  for (const name of ours) {
    const source = program.getSourceFile(name);
    if (!source) throw new Error(`${name} was not read`);
    const where = path.relative(ROOT, name);
    const visit = (node: ts.Node): void => {
      const key = keyOf(node);
      if (key && !isNamedInCode(checker.getTypeAtLocation(key), checker)) {
        looked.add(where);
        const { line } = source.getLineAndCharacterOfPosition(node.getStart());
        if (where !== LOOK_UP) found.push(`${where}:${line + 1}: ${node.getText()}`);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  expect(found).toEqual([]);
  // It sees such keys where there are some.
  expect([...looked]).toEqual([LOOK_UP]);
});
