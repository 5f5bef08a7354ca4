/** The axes of a tensor of `rank`, the batch left out, with those in `axes` behind all others, as a Permute has them. */
export function movedLast(rank: number, axes: readonly number[]): number[] {
  const all = Array.from({ length: rank - 1 }, (_, index) => index + 1);
  return [...all.filter((axis) => !axes.includes(axis)), ...all.filter((axis) => axes.includes(axis))];
}

/** The order that undoes another one. */
export function undone(order: readonly number[]): number[] {
  return order.map((_, index) => order.indexOf(index + 1) + 1);
}
