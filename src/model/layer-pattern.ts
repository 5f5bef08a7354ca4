import type { Layer } from './layer.ts';

/**
 * Whether a pattern means a layer: `*` stands for any characters, `?` for one, and it has to match the whole path of the
 * layer, or the path with a slash and the name of the weight behind it.
 */
export function layerPattern(pattern: string): (layer: Layer, weight: string) => boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replace(/\*/g, '.*')
    .replace(/\?/g, '.');
  const expression = new RegExp(`^${source}$`, 's');
  return ({ path }, weight) => expression.test(path) || expression.test(`${path}/${weight}`);
}
