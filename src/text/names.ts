/** `wanted`, or that with a number behind it where it is taken. */
export function freeName(wanted: string, isTaken: (name: string) => boolean): string {
  let name = wanted;
  for (let count = 1; isTaken(name); count++) name = `${wanted}_${count}`;
  return name;
}

/** `wanted`, each with a number behind it where one before has the name. */
export function freeNames(wanted: readonly string[]): string[] {
  const taken = new Set<string>();
  return wanted.map((one) => {
    const name = freeName(one, (other) => taken.has(other));
    taken.add(name);
    return name;
  });
}

/** The names that stand in `text`, with white space between them. */
export function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Names in a sentence, with the number of those that are left out: `a, b and 3 more`. */
export function named(names: readonly string[], most = 5): string {
  const more = names.length - most;
  return `${names.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The one of some names that `name` is likely to be a slip of; undefined where none is near. */
export function similarTo(name: string, names: readonly string[]): string | undefined {
  const near = names
    .map((one) => ({ one, slips: slipsBetween(name, one) }))
    .filter(({ one, slips }) => slips <= Math.ceil(one.length / 4))
    .sort((a, b) => a.slips - b.slips);
  return near[0]?.one;
}

/** Letters to add, take away, change or swap with the next (the optimal string alignment distance). */
function slipsBetween(name: string, other: string): number {
  let [last, row]: number[][] = [[], Array.from({ length: other.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= name.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = name[i - 1] === other[j - 1];
      const isSwapped = name[i - 1] === other[j - 2] && name[i - 2] === other[j - 1];
      next[j] = Math.min(
        (row?.[j] ?? 0) + 1,
        (next[j - 1] ?? 0) + 1,
        (row?.[j - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (last?.[j - 2] ?? 0) + 1 : Infinity,
      );
    }
    [last, row] = [row, next];
  }
  return row?.[other.length] ?? 0;
}
