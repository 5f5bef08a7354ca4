import { type Literal, type Notation, parseLiteral } from './literal-parser.ts';

/** A dict, tuple or list, text, a whole number, True or False, or None. */
export type PythonLiteral = Literal<number>;

const PYTHON: Notation<number> = {
  // Headers of numpy files nest a dict, a list of fields and a shape.
  deepest: 20,
  lists: new Map([
    ['(', ')'],
    ['[', ']'],
  ]),
  allowsTrailingComma: true,
  allowsRepeatedKeys: false,
  word: /True|False|None/y,
  // With the L that Python 2 put behind long numbers.
  number: /-?\d+[lL]?/y,
  quotes: `'"`,
  readWord: (word) => (word === 'None' ? null : word === 'True'),
  readNumber: (number) => Number.parseInt(number, 10),
  readText: (text) => text.slice(1, -1).replace(/\\(.)/g, '$1'),
};

/**
 * The literal of Python that `text` is, parsed without running anything: what headers of numpy files are written in. A
 * tuple becomes a list.
 *
 * @throws SyntaxError where it is none of those that headers have.
 */
export function parsePythonLiteral(text: string): PythonLiteral {
  return parseLiteral(text, PYTHON);
}
