import type { Attribute, Content } from '../../src/formats/hdf5/attribute.ts';
import type { Hdf5File } from '../../src/formats/hdf5/file.ts';

/**
 * All that is in an HDF5 file, for comparison: a line of text for each group, dataset, link and attribute (`path@name`),
 * with type, shape, storage and values. Flat text, because comparing nested objects takes seconds.
 */
export function treeOf(file: Hdf5File, path = ''): Record<string, string> {
  const lines = attributesOf(file, path);
  for (const name of file.names(path)) {
    const child = path === '' ? name : `${path}/${name}`;
    const kind = file.kind(child);
    if (kind === 'group') Object.assign(lines, { [child]: 'group' }, treeOf(file, child));
    else if (kind === 'dataset') {
      const dataset = file.dataset(child);
      const { type, shape, maxShape, chunks, filters } = dataset;
      const content = text(dataset.content());
      lines[child] = JSON.stringify({ type, shape, maxShape, chunks, filters, content });
      Object.assign(lines, attributesOf(file, child));
    } else lines[child] = kind;
  }
  return lines;
}

function attributesOf(file: Hdf5File, path: string): Record<string, string> {
  return Object.fromEntries(
    file.attributes(path).map((attribute) => [`${path}@${attribute.name}`, shown(attribute)]),
  );
}

function shown({ type, shape, content }: Attribute): string {
  return JSON.stringify({ type, shape: shape ?? 'none', content: text(content) });
}

function text(content: Content): string | string[] {
  if ('bytes' in content) return Buffer.from(content.bytes).toString('base64');
  return content.strings.map((string) => Buffer.from(string).toString());
}
