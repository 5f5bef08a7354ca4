/**
 * The logits of a model whose outputs are probabilities: a softmax hides differences of what goes into it.
 *
 * @module
 */

import { insertBehind } from '../../model/edit.ts';
import type { Layer } from '../../model/layer.ts';
import type { Call, Model, ModelTensor } from '../../model/model.ts';
import { freeLayerName, newActivation } from '../../model/new-layer.ts';
import { activationOf, LINEAR, type Operation } from '../../model/operation.ts';
import { modelWith } from '../../model/replace-layers.ts';
import { Tensor } from '../../tensor/tensor.ts';

/** Where the scores behind an output of a model are: what its probabilities are made of. */
export type ScoreSource =
  /** It ends in no softmax: the output itself. */
  | { readonly kind: 'output' }
  /** It ends in a sigmoid: the output itself, where 0.5 decides. */
  | { readonly kind: 'sigmoid' }
  /** The tensor before its softmax is that output of {@link ModelWithLogits.model}. */
  | { readonly kind: 'logits'; readonly output: number }
  /** Its softmax cannot be split off: the logarithm of the output, which is the logits but for a number a sample. */
  | { readonly kind: 'log'; readonly reason: string };

/** A model that gives its logits too. */
export interface ModelWithLogits {
  /** A copy whose outputs are the model's own, in their order, and behind them the logits. */
  readonly model: Model;
  /** For each output of the model that was given. */
  readonly sources: readonly ScoreSource[];
}

/**
 * A copy of `model` that also gives the tensor before the softmax of each output that ends in one: a Softmax layer, an
 * Activation, or a softmax fused into a layer, which becomes an Activation layer of its own. Reshapes behind the softmax
 * are looked through, and so are nested models. Weights are shared with the model, which is not changed.
 */
export function withLogits(model: Model): ModelWithLogits {
  const copy = model.clone();
  const ends = model.outputs.map((_, index) => endOf(copy, index));
  const logits: ModelTensor[] = [];
  const sources = ends.map((end): ScoreSource => {
    if (end.kind !== 'softmax') return end;
    logits.push(end.before);
    return { kind: 'logits', output: copy.outputs.length + logits.length - 1 };
  });
  return { model: logits.length === 0 ? copy : withOutputs(copy, logits), sources };
}

/**
 * The scores of each output of the model that `sources` belongs to, in the shape of the output.
 *
 * @param outputs of {@link ModelWithLogits.model}
 */
export function scoresOf(sources: readonly ScoreSource[], outputs: readonly Tensor[]): Tensor[] {
  return sources.map((source, index) => {
    const output = outputs[index];
    const scores = source.kind === 'logits' ? outputs[source.output] : output;
    if (!output || !scores) throw new RangeError(`${outputs.length} outputs, and none for output ${index}`);
    if (source.kind === 'log') {
      return Tensor.fromNumbers('float32', output.shape, output.toFloat64().map(logarithm));
    }
    // A Reshape behind the softmax keeps the order of the values.
    return scores === output ? output : Tensor.of(scores.dtype, output.shape, scores.values());
  });
}

/** The smallest normal number of float32; what is below it has no digits left, and zero has no logarithm. */
const SMALLEST = 2 ** -126;

function logarithm(probability: number): number {
  return Math.log(Math.max(probability, SMALLEST));
}

/** What an output ends in. */
type End =
  | { readonly kind: 'softmax'; readonly before: ModelTensor }
  | Exclude<ScoreSource, { readonly kind: 'logits' }>;

const NO_SOFTMAX: End = { kind: 'output' };

/** What the output `index` of `owner` ends in; a fused softmax is split off, and inner logits become an output. */
function endOf(owner: Model, index: number): End {
  let tensor = owner.outputs[index];
  for (let call = tensor?.producer; call !== undefined; call = tensor?.producer) {
    const { layer } = call;
    if (layer.model) return endOfNested(call, layer.model, tensor?.index ?? 0);
    if (!looksThrough(layer.operation)) return endOfCall(owner, call);
    [tensor] = call.inputs;
  }
  return NO_SOFTMAX;
}

/** Keeps the values and their order. */
function looksThrough({ kind }: Operation): boolean {
  return kind === 'identity' || kind === 'reshape' || kind === 'flatten';
}

function endOfNested(call: Call, inner: Model, index: number): End {
  const end = endOf(inner, index);
  if (end.kind !== 'softmax') return end;
  const known = inner.outputs.indexOf(end.before);
  if (known >= 0) return { kind: 'softmax', before: call.output(known) };
  call.layer.model = withOutputs(inner, [end.before]);
  return { kind: 'softmax', before: call.output(inner.outputs.length) };
}

function endOfCall(owner: Model, call: Call): End {
  const { layer } = call;
  const activation = activationOf(layer.operation);
  const name = layer.operation.kind === 'opaque' ? opaqueActivation(layer) : nameOf(activation);
  if (name === 'sigmoid' || name === 'hard_sigmoid') return { kind: 'sigmoid' };
  if (name !== 'softmax') return NO_SOFTMAX;
  const [input] = call.inputs;
  const isAlone = layer.operation.kind === 'activation' || layer.className === OPERATOR;
  if (isAlone && input) return { kind: 'softmax', before: input };
  if ('activation' in layer.operation) {
    splitOffActivation(owner, layer);
    return { kind: 'softmax', before: call.output() };
  }
  return {
    kind: 'log',
    reason: `the softmax inside ${layer.path} (${layer.className}) cannot be split off`,
  };
}

function nameOf(activation: ReturnType<typeof activationOf>): string | undefined {
  // `Softmax` is the layer, `softmax` the function.
  return activation.kind === 'other' ? activation.name.toLowerCase() : undefined;
}

/** What Keras 2 makes of `tf.nn.softmax(x)`. */
const OPERATOR = 'TFOpLambda';

/** The activation at the end of a layer that nobody here knows. */
function opaqueActivation(layer: Layer): string | undefined {
  const { activation, function: called, recurrent_activation: gate } = layer.readConfig;
  // The output of an LSTM is the activation of its state times a gate.
  if (gate !== undefined) return undefined;
  const name = layer.className === OPERATOR ? called : activation;
  return typeof name === 'string' ? name.replace(/^(math|nn)\./, '') : undefined;
}

/** Makes an Activation layer of the activation fused into `layer`, behind each of its calls. */
function splitOffActivation(owner: Model, fused: Layer): void {
  const { operation } = fused;
  if (!('activation' in operation)) return;
  const name = freeLayerName(owner, `${fused.name}_softmax`);
  const layer = newActivation({ owner, beside: fused, name });
  fused.operation = { ...operation, activation: LINEAR };
  for (const call of owner.calls.filter((one) => one.layer === fused)) insertBehind(owner, call, [layer]);
}

/** The model with more outputs, which no Sequential has. */
function withOutputs(model: Model, more: readonly ModelTensor[]): Model {
  const outputs = [...model.outputs, ...more];
  // The structures in which the outputs of the model were written down, and what a Sequential has besides.
  const { output_layers: _, build_input_shape: __, ...config } = model.config;
  const className = model.kind === 'sequential' ? 'Functional' : model.className;
  return modelWith(model, { kind: 'functional', className, outputs, config });
}
