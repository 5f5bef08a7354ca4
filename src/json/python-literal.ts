/**
 * The Python literals that headers of numpy files are written in, parsed without running anything.
 *
 * @module
 */

/** A dict, tuple or list, text, a whole number, True or False, or None. */
export type PythonLiteral =
  | string
  | number
  | boolean
  | null
  | readonly PythonLiteral[]
  | ReadonlyMap<string, PythonLiteral>;

/** Headers nest a dict, a list of fields and a shape. */
const DEEPEST = 20;
const STRING = /'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"/y;
/** With the L that Python 2 put behind long numbers. */
const INTEGER = /(-?\d+)[lL]?/y;
const WORD = /True|False|None/y;
const SPACE = /\s*/y;

/**
 * The literal that `text` is; a tuple becomes a list.
 *
 * @throws SyntaxError where it is none of those that headers have.
 */
export function parsePythonLiteral(text: string): PythonLiteral {
  const parser = new LiteralParser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class LiteralParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): PythonLiteral {
    if (depth > DEEPEST) throw new SyntaxError(`nested deeper than ${DEEPEST}`);
    if (this.#skip('{')) return this.#dict(depth);
    if (this.#skip('(')) return this.#items(')', depth);
    if (this.#skip('[')) return this.#items(']', depth);
    const word = this.#match(WORD)?.[0];
    if (word !== undefined) return word === 'None' ? null : word === 'True';
    const number = this.#match(INTEGER)?.[1];
    if (number !== undefined) return Number(number);
    return this.#string();
  }

  end(): void {
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#error();
  }

  #dict(depth: number): ReadonlyMap<string, PythonLiteral> {
    const entries = new Map<string, PythonLiteral>();
    while (!this.#skip('}')) {
      const key = this.#string();
      if (entries.has(key)) throw new SyntaxError(`the key ${key} comes twice`);
      this.#expect(':');
      entries.set(key, this.value(depth + 1));
      if (!this.#skip(',')) {
        this.#expect('}');
        break;
      }
    }
    return entries;
  }

  #items(close: string, depth: number): PythonLiteral[] {
    const items: PythonLiteral[] = [];
    while (!this.#skip(close)) {
      items.push(this.value(depth + 1));
      if (!this.#skip(',')) {
        this.#expect(close);
        break;
      }
    }
    return items;
  }

  #string(): string {
    const found = this.#match(STRING);
    if (!found) throw this.#error();
    return (found[1] ?? found[2] ?? '').replace(/\\(.)/g, '$1');
  }

  #expect(character: string): void {
    if (!this.#skip(character)) throw this.#error();
  }

  #skip(character: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    if (pattern !== SPACE) this.#match(SPACE);
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    this.#at += found?.[0].length ?? 0;
    return found ?? undefined;
  }

  #error(): SyntaxError {
    const found = this.#text.slice(this.#at, this.#at + 12);
    return new SyntaxError(found === '' ? 'it ends early' : `unexpected ${JSON.stringify(found)}`);
  }
}
