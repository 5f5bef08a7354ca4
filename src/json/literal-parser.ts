/**
 * One parser for literals that are nested in brackets: those of JSON and those of Python, which differ in little.
 *
 * @module
 */

/** What a text says, with `Leaf` for its numbers. Records are Maps, so that no key means anything else. */
export type Literal<Leaf> =
  | string
  | boolean
  | null
  | Leaf
  | Literal<Leaf>[]
  | ReadonlyMap<string, Literal<Leaf>>;

/** What one notation has where another has something else. */
export interface Notation<Leaf> {
  /** Nesting deeper than this is refused. */
  readonly deepest: number;
  /** The closing bracket of a list by its opening one. */
  readonly lists: ReadonlyMap<string, string>;
  /** Whether a comma may stand behind the last item. */
  readonly allowsTrailingComma: boolean;
  /** Whether a key may come twice; then the last one counts. */
  readonly allowsRepeatedKeys: boolean;
  /** A word that stands for a value, and a number, as sticky patterns. */
  readonly word: RegExp;
  readonly number: RegExp;
  /** The characters that a text may stand between. */
  readonly quotes: string;
  readonly readWord: (word: string) => boolean | null;
  readonly readNumber: (number: string) => Leaf;
  /** Of a text with its quotes. */
  readonly readText: (text: string) => string;
}

const SPACE = /\s*/y;

/**
 * The literal that `text` is.
 *
 * @throws SyntaxError where it is none in that notation.
 */
export function parseLiteral<Leaf>(text: string, notation: Notation<Leaf>): Literal<Leaf> {
  return new LiteralParser(text, notation).whole();
}

class LiteralParser<Leaf> {
  readonly #text: string;
  readonly #notation: Notation<Leaf>;
  #at = 0;

  constructor(text: string, notation: Notation<Leaf>) {
    this.#text = text;
    this.#notation = notation;
  }

  whole(): Literal<Leaf> {
    const value = this.#value(0);
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#error();
    return value;
  }

  #value(depth: number): Literal<Leaf> {
    const { deepest, lists, word, number, readWord, readNumber } = this.#notation;
    if (depth > deepest) throw new SyntaxError(`nested deeper than ${deepest}`);
    if (this.#skip('{')) return this.#record(depth);
    for (const [opening, closing] of lists) if (this.#skip(opening)) return this.#list(closing, depth);
    const foundWord = this.#match(word);
    if (foundWord !== undefined) return readWord(foundWord);
    const foundNumber = this.#match(number);
    return foundNumber === undefined ? this.#string() : readNumber(foundNumber);
  }

  #record(depth: number): ReadonlyMap<string, Literal<Leaf>> {
    const entries = new Map<string, Literal<Leaf>>();
    while (this.#hasItem('}', entries.size === 0)) {
      const key = this.#string();
      if (entries.has(key) && !this.#notation.allowsRepeatedKeys) {
        throw new SyntaxError(`the key ${key} comes twice`);
      }
      if (!this.#skip(':')) throw this.#error();
      entries.set(key, this.#value(depth + 1));
    }
    return entries;
  }

  #list(closing: string, depth: number): Literal<Leaf>[] {
    const items: Literal<Leaf>[] = [];
    while (this.#hasItem(closing, items.length === 0)) items.push(this.#value(depth + 1));
    return items;
  }

  /** Whether another item follows; steps over the comma before it, or over the closing bracket. */
  #hasItem(closing: string, isFirst: boolean): boolean {
    if (isFirst) return !this.#skip(closing);
    if (this.#skip(',')) return !(this.#notation.allowsTrailingComma && this.#skip(closing));
    if (!this.#skip(closing)) throw this.#error();
    return false;
  }

  /** Character by character: a pattern would need stack for each escape in a text of megabytes. */
  #string(): string {
    this.#match(SPACE);
    const quote = this.#text[this.#at];
    if (quote === undefined || !this.#notation.quotes.includes(quote)) throw this.#error();
    let end = this.#at + 1;
    while (this.#text[end] !== quote) {
      if (end >= this.#text.length || this.#text[end] === '\n') throw this.#error();
      end += this.#text[end] === '\\' ? 2 : 1;
    }
    const literal = this.#text.slice(this.#at, end + 1);
    this.#at = end + 1;
    return this.#notation.readText(literal);
  }

  #skip(character: string): boolean {
    this.#match(SPACE);
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    if (pattern !== SPACE) this.#match(SPACE);
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #error(): SyntaxError {
    const found = this.#text.slice(this.#at, this.#at + 12);
    return new SyntaxError(
      found === '' ? 'it ends early' : `unexpected ${JSON.stringify(found)} at ${this.#at}`,
    );
  }
}
