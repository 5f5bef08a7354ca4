/**
 * The same path of right angles in a third of the characters: `L12.34,5.678` becomes `H12.3` or `V5.7` where only one of the two
 * changes, and digits that nobody sees are dropped.
 *
 * @param digits behind the point
 */
export function compactPath(path: string, digits: number): string {
  const rounded = (number: string | undefined): string => String(Number(Number(number).toFixed(digits)));
  let [x, y] = ['', ''];
  let compact = '';
  for (const [command, kind, one, other] of path.matchAll(/([MLHVZ])(?:(-?[\d.e-]+)(?:,(-?[\d.e-]+))?)?/g)) {
    if (kind === 'Z') {
      compact += command;
      continue;
    }
    const toX = kind === 'V' ? x : rounded(one);
    const toY = kind === 'V' ? rounded(one) : kind === 'H' ? y : rounded(other);
    if (kind === 'M') compact += `M${toX},${toY}`;
    else if (toX !== x && toY !== y) compact += `L${toX},${toY}`;
    else if (toX !== x) compact += `H${toX}`;
    else if (toY !== y) compact += `V${toY}`;
    [x, y] = [toX, toY];
  }
  return compact;
}
