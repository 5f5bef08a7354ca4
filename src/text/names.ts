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
