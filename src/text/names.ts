/** Names in a sentence, with the number of those that are left out: `a, b and 3 more`. */
export function named(names: readonly string[], most = 5): string {
  const more = names.length - most;
  return `${names.slice(0, most).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
