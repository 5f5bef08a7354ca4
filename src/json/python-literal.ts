import { isObject, type JsonValue } from './value.ts';

/** Headers nest a dict, a list of fields and a shape. */
const DEEPEST = 20;
/** Texts, words, brackets, colons, commas behind the last item, and the L behind long numbers of Python 2. */
const TOKENS =
  /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|True|False|None|[()[\]{}:]|,(?=\s*[)\]}])|(?<=\d)[lL]/g;
/** What stands for a token in JSON, where that is another; nothing does for commas and Ls. */
const IN_JSON: ReadonlyMap<string, string> = new Map([
  ['True', 'true'],
  ['False', 'false'],
  ['None', 'null'],
  ['(', '['],
  [')', ']'],
  [',', ''],
  ['l', ''],
  ['L', ''],
]);

/**
 * The literal of Python that `text` is, parsed without running anything: what headers of numpy files are written in. A
 * tuple becomes a list.
 *
 * @throws SyntaxError where it is none of those that headers have.
 */
export function parsePythonLiteral(text: string): JsonValue {
  let depth = 0;
  let entries = 0;
  const json = text.replace(TOKENS, (token) => {
    if (/['"]/.test(token)) return JSON.stringify(token.slice(1, -1).replace(/\\(.)/g, '$1'));
    if (/[([{]/.test(token)) depth++;
    if (/[)\]}]/.test(token)) depth--;
    if (depth > DEEPEST) throw new SyntaxError(`nested deeper than ${DEEPEST}`);
    if (token === ':') entries++;
    return IN_JSON.get(token) ?? token;
  });
  const value = JSON.parse(json) as JsonValue;
  if (isObject(value) && Object.keys(value).length < entries) throw new SyntaxError('a key comes twice');
  return value;
}
