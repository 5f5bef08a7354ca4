/**
 * How the layers of a Functional model are connected, from the references in its configuration.
 *
 * @module
 */

import { InvalidModelError } from '../../../errors.ts';
import { inside, mismatch, type Place, requireArray } from '../../../json/place.ts';
import { isObject, type JsonObject, type JsonValue } from '../../../json/value.ts';
import type { Layer } from '../../../model/layer.ts';
import { Call, type Dialect, type Model, type ModelTensor } from '../../../model/model.ts';
import { sortCalls } from '../../../model/topology.ts';
import { isOperator } from '../dialects/operator-layers.ts';
import { AUGMENTATIONS } from '../layer-classes.ts';
import { layerArguments } from './first-argument.ts';
import { parseShape } from './parse-operation.ts';
import { parseArguments, parseReference, type TensorReference } from './tensor-references.ts';

/** Outputs of one layer. */
const MOST_OUTPUTS = 1024;

/** A layer that is not connected yet, and its entry. */
export interface ParsedLayer {
  readonly layer: Layer;
  readonly entry: JsonObject;
}

/** A call and what it is to read. */
interface PendingCall {
  readonly call: Call;
  readonly references: readonly TensorReference[];
}

/** What a reference stands for, by where it stands: in `inbound_nodes`, or in `input_layers` and `output_layers`. */
type ReferenceKind = 'inbound' | 'output';
type CallIndexBase = Readonly<Record<ReferenceKind, number>>;

/**
 * Connects the layers of a model, by name.
 *
 * @param config the `config` of the model.
 * @throws FormatError where the references are none; InvalidModelError where they lead nowhere.
 */
export function connectLayers(
  layers: ReadonlyMap<string, ParsedLayer>,
  config: JsonObject,
  dialect: Dialect,
  place: Place,
): Pick<Model, 'calls' | 'inputs' | 'outputs'> {
  const isLayer = (name: string): boolean => layers.has(name);
  const pending = new Map<string, PendingCall[]>();
  for (const [name, parsed] of layers) {
    pending.set(name, parseCalls(parsed, dialect, isLayer, inside(place, `${name}.inbound_nodes`)));
  }
  const inputs = endReferences(config['input_layers'], inside(place, 'input_layers'));
  const outputs = endReferences(config['output_layers'], inside(place, 'output_layers'));
  const everyCall = [...pending.values()].flat();
  const references = {
    inbound: everyCall.flatMap((one) => one.references),
    output: [...inputs, ...outputs],
  };
  const bases = new Map<string, CallIndexBase>();
  for (const [name, { layer }] of layers) {
    if (!layer.model || layer.steps) continue;
    const base = callIndexBase(layer, pending.get(name)?.length ?? 0, references, dialect);
    bases.set(name, base);
    layer.remember({ callIndexBase: base });
  }
  const tensorOf = (reference: TensorReference, kind: ReferenceKind, reader: string): ModelTensor => {
    const calls = pending.get(reference.layer);
    const call = calls?.[reference.call - (bases.get(reference.layer)?.[kind] ?? 0)]?.call;
    if (!call || reference.output < 0 || reference.output >= outputCount(call.layer)) {
      throw damaged(place, reader, `reads ${textOf(reference)}, which ${whatOf(reference, calls, call)}`);
    }
    const tensor = call.output(reference.output);
    tensor.shape ??= parseShape(reference.shape, place);
    tensor.dtype ??= reference.dtype;
    return tensor;
  };
  for (const { call, references: read } of everyCall) {
    call.inputs = read.map((reference) => tensorOf(reference, 'inbound', call.layer.name));
    if (call.inputs.length === 0) rejectUnconnected(call, isLayer, place);
  }
  return {
    calls: sortCalls(
      everyCall.map(({ call }) => call),
      place.where,
    ),
    inputs: inputs.map((reference) => tensorOf(reference, 'output', 'input_layers')),
    outputs: outputs.map((reference) => tensorOf(reference, 'output', 'output_layers')),
  };
}

function withoutMode({ training: _, ...kwargs }: Call['kwargs']): Call['kwargs'] {
  return kwargs;
}

/** The calls of a layer, which read nothing yet. An InputLayer has one that no node stands for. */
function parseCalls(
  { layer, entry }: ParsedLayer,
  dialect: Dialect,
  isLayer: (name: string) => boolean,
  place: Place,
): PendingCall[] {
  // Keras 3 writes the mode of training for them wherever nobody gave it, and predicts in inference.
  const isStill = dialect === 'keras3' && AUGMENTATIONS.has(layer.className);
  const calls = requireArray(entry['inbound_nodes'] ?? [], place).map((node): PendingCall => {
    const { references, ...given } = parseArguments(node, dialect, isLayer);
    const { args, kwargs } = isOperator(entry) ? given : layerArguments(layer.className, given);
    const call = new Call(layer, [], args, isStill ? withoutMode(kwargs) : kwargs);
    call.origin = { dialect, node, reads: new Set(references.map((reference) => reference.layer)) };
    return { call, references };
  });
  const { operation } = layer;
  if (operation.kind !== 'input') return calls;
  const [first = { call: new Call(layer, []), references: [] }, ...others] = calls;
  const output = first.call.output();
  output.shape = operation.shape;
  output.dtype = operation.dtype;
  return [first, ...others];
}

/** The indices that a nested model's first call has in references to it: those usual in the dialect, if they fit all. */
function callIndexBase(
  { name, model }: Layer,
  calls: number,
  references: Readonly<Record<ReferenceKind, readonly TensorReference[]>>,
  dialect: Dialect,
): CallIndexBase {
  const baseOf = (kind: ReferenceKind, usual: number): number => {
    const own = references[kind].filter((reference) => reference.layer === name);
    const fits = (base: number): boolean => own.every(({ call }) => call - base >= 0 && call - base < calls);
    return !fits(usual) && fits(1 - usual) ? 1 - usual : usual;
  };
  return {
    inbound: baseOf('inbound', dialect === 'keras2' ? 1 : 0),
    output: baseOf('output', dialect === 'keras2' || model?.kind === 'functional' ? 1 : 0),
  };
}

/** How many outputs a layer may have: those of layers that are not known are counted by nobody. */
function outputCount(layer: Layer): number {
  if (layer.model) return layer.model.outputs.length;
  return layer.operation.kind === 'opaque' ? MOST_OUTPUTS : 1;
}

/** What a reference that leads nowhere names. */
function whatOf(
  { layer }: TensorReference,
  calls: readonly PendingCall[] | undefined,
  call: Call | undefined,
): string {
  if (!calls) return 'is no layer of the model';
  const there = call ? `${outputCount(call.layer)} outputs` : `${calls.length} calls`;
  return `does not exist: ${layer} has ${there}`;
}

/** Only an InputLayer reads nothing, and a node in a tensor's place that names no layer must not pass as a plain value. */
function rejectUnconnected({ layer, origin }: Call, isLayer: (name: string) => boolean, place: Place): void {
  const dangling = origin?.dialect === 'keras2' ? danglingReference(origin.node, isLayer) : undefined;
  if (dangling) {
    throw damaged(place, layer.name, `reads ${textOf(dangling)}, which is no layer of the model`);
  }
  if (layer.operation.kind === 'input') return;
  throw damaged(place, layer.name, 'reads nothing: its inbound_nodes name no tensor');
}

function danglingReference(
  value: JsonValue,
  isLayer: (name: string) => boolean,
): TensorReference | undefined {
  if (!Array.isArray(value)) return undefined;
  const reference = value.length === 3 ? parseReference(value, 'keras2', () => true) : undefined;
  if (reference && !isLayer(reference.layer)) return reference;
  for (const inner of value) {
    const found = danglingReference(inner, isLayer);
    if (found) return found;
  }
  return undefined;
}

/** `input_layers` and `output_layers`: one reference, a list, or a record of them, nested at will. */
function endReferences(value: JsonValue | undefined, place: Place): TensorReference[] {
  const found: TensorReference[] = [];
  const walk = (node: JsonValue): void => {
    const reference = parseReference(node, 'keras2', () => true);
    if (reference) found.push(reference);
    else if (Array.isArray(node)) node.forEach(walk);
    else if (isObject(node)) Object.values(node).forEach(walk);
    else throw mismatch(place, 'a reference such as ["conv1", 0, 0]', node);
  };
  if (value === undefined || value === null) throw mismatch(place, 'references to tensors', value);
  walk(value);
  return found;
}

function textOf({ layer, call, output }: TensorReference): string {
  return `["${layer}", ${call}, ${output}]`;
}

function damaged({ where }: Place, layer: string, fault: string): InvalidModelError {
  return new InvalidModelError(
    where === '' ? layer : `${where}/${layer}`,
    `${fault}; the file is damaged or was edited by hand: save the model again`,
  );
}
