/** Control characters, ends of lines that Unicode has besides them, and what turns the direction of text. */
const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_C}]/gu;

const SHORT: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

/**
 * `text` as one line in which nothing acts on what shows it: names come from files of strangers, and could otherwise move
 * the cursor, begin a line of their own or turn the direction of what stands behind them.
 */
export function visible(text: string): string {
  return text.replace(UNSEEN, (character) => SHORT.get(character) ?? escaped(character));
}

/** {@link visible} for JSON without indentation, which has such characters in its texts alone and stays what it is. */
export function visibleJson(json: string): string {
  return json.replace(UNSEEN, escaped);
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
