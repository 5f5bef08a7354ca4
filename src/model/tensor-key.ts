import type { GraphTensor } from './graph.ts';

/** Which tensor of a model it is, in words that are the same for its copies; uses of one call in a nested model have one. */
export function tensorKey({ producer, index }: GraphTensor): string {
  if (!producer) return keyOf('', 0, index);
  const { owner, call, layer } = producer;
  const calls = owner.calls.filter((one) => one.layer === layer);
  return keyOf(layer.path, calls.indexOf(call), index);
}

/** The {@link tensorKey} of an output of the layer with that path, in its `call`th call. */
export function keyOf(path: string, call: number, output: number): string {
  return `${path}#${call}:${output}`;
}
