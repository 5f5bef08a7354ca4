/**
 * Models of Keras 3 without the masks that it passes by name, for dialects that hand masks on by themselves.
 *
 * @module
 */

import { mapEntries } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import { MASK_ARGUMENTS, maskInputs } from '../../../model/masks.ts';
import type { Call, CallArgument, Model, ModelTensor } from '../../../model/model.ts';
import { replaceLayers } from '../../../model/replace-layers.ts';
import { isOperator } from './operator-layers.ts';

/** A copy without the arguments that pass masks and the operators that made these alone; the model itself where it has none. */
export function withoutMaskArguments(model: Model): Model {
  const passing = layersPassingMasks(model);
  const copy = replaceLayers(model, (layer) => (passing.has(layer) ? { layer } : undefined));
  if (copy !== model) dropMaskArguments(copy);
  return copy;
}

function layersPassingMasks(model: Model): Set<Layer> {
  const found = new Set<Layer>();
  for (const call of model.calls) if (maskInputs(call).length > 0) found.add(call.layer);
  for (const { model: inner } of model.layers) {
    if (inner) for (const layer of layersPassingMasks(inner)) found.add(layer);
  }
  return found;
}

function dropMaskArguments(model: Model): void {
  for (const { model: inner } of model.layers) if (inner) dropMaskArguments(inner);
  const dropped: ModelTensor[] = [];
  for (const call of model.calls) {
    const masks = new Set(maskInputs(call));
    if (masks.size === 0) continue;
    const kept = call.inputs.map((_, index) => index).filter((index) => !masks.has(index));
    const places = new Map(kept.map((index, place) => [index, place]));
    dropped.push(...call.inputs.filter((_, index) => masks.has(index)));
    call.inputs = call.inputs.filter((_, index) => !masks.has(index));
    call.args = call.args.map((argument) => moved(argument, places));
    const named = Object.entries(call.kwargs).filter(([name]) => !MASK_ARGUMENTS.has(name));
    call.kwargs = Object.fromEntries(named.map(([name, argument]) => [name, moved(argument, places)]));
    call.origin = undefined;
  }
  if (dropped.length > 0) removeUnread(model, dropped);
}

/** An argument whose tensors stand at other places of the inputs. */
function moved(argument: CallArgument, places: ReadonlyMap<number, number>): CallArgument {
  if ('tensor' in argument) return { tensor: places.get(argument.tensor) ?? argument.tensor };
  if ('list' in argument) return { list: argument.list.map((one) => moved(one, places)) };
  if ('record' in argument) return { record: mapEntries(argument.record, (one) => moved(one, places)) };
  return argument;
}

/** Takes away operators that made one of the tensors, and what they read, where nobody else reads it. */
function removeUnread(model: Model, tensors: readonly ModelTensor[]): void {
  const readers = new Map<ModelTensor, number>();
  const reads = [...model.outputs, ...model.calls.flatMap(({ inputs }) => inputs)];
  for (const tensor of reads) readers.set(tensor, (readers.get(tensor) ?? 0) + 1);
  const removed = new Set<Call>();
  const waiting = [...tensors];
  for (let tensor = waiting.pop(); tensor; tensor = waiting.pop()) {
    const { producer } = tensor;
    if (!producer || removed.has(producer) || !isOperator(producer.layer.origin?.config ?? {})) continue;
    if (producer.outputs.some((output) => (readers.get(output) ?? 0) > 0)) continue;
    removed.add(producer);
    for (const read of producer.inputs) readers.set(read, (readers.get(read) ?? 0) - 1);
    waiting.push(...producer.inputs);
  }
  const layers = new Set([...removed].map(({ layer }) => layer));
  model.calls = model.calls.filter((call) => !removed.has(call));
  model.layers = model.layers.filter((layer) => !layers.has(layer));
}
