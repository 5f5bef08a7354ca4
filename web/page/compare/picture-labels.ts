/**
 * What pictures show, as people write it down.
 *
 * @module
 */

/** Labels of pictures: none, one each, or why not. */
export type ReadLabels =
  | { readonly kind: 'none' }
  | { readonly kind: 'labels'; readonly labels: readonly number[] }
  | { readonly kind: 'wrong'; readonly message: string };

/** Reads the field for labels: whole numbers, with anything but digits between them. */
export function readLabels(text: string, pictures: number): ReadLabels {
  const parts = text.split(/[\s,;]+/).filter((part) => part !== '');
  if (parts.length === 0) return { kind: 'none' };
  const wrong = parts.find((part) => !/^\d{1,6}$/.test(part));
  if (wrong !== undefined) {
    return {
      kind: 'wrong',
      message: `Labels: '${wrong}' is no class number; write whole numbers from 0, such as 3 0 7.`,
    };
  }
  if (parts.length !== pictures) {
    return {
      kind: 'wrong',
      message: `Labels: ${parts.length} given for ${pictures} pictures; write one for each, in the order of their names, or none.`,
    };
  }
  return { kind: 'labels', labels: parts.map(Number) };
}

/** The labels that file names begin with, as in `3_cat.png`; undefined where one of them has none. */
export function labelsFromNames(names: readonly string[]): number[] | undefined {
  const labels = names.map((name) => /^(\d{1,6})[_-]/.exec(name.slice(name.lastIndexOf('/') + 1))?.[1]);
  return labels.length > 0 && labels.every((label) => label !== undefined) ? labels.map(Number) : undefined;
}

/** Names as people sort them: 2 before 10. */
export function byName(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

/** What a class is called: its name where it is known. */
export function className(index: number, names: readonly string[]): string {
  const name = names[index];
  return name === undefined ? `class ${index}` : `${name} (${index})`;
}

/** The classes of the example, Fashion-MNIST. */
export const EXAMPLE_CLASSES: readonly string[] = [
  'T-shirt or top',
  'trousers',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
];
