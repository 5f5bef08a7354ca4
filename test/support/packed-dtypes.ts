/** How many weights of a TF.js model are packed in which way, and how many are not. */
export function packedDTypes(files: ReadonlyMap<string, Uint8Array>): Record<string, number> {
  const document = JSON.parse(new TextDecoder().decode(files.get('model.json')));
  const counts: Record<string, number> = {};
  for (const { weights } of document.weightsManifest) {
    for (const { quantization } of weights) {
      const kind = quantization?.dtype ?? 'float32';
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
  }
  return counts;
}
