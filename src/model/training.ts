/**
 * What calls in training mode compute otherwise than in inference.
 *
 * @module
 */

import { isObject, type JsonObject } from '../json/value.ts';
import { batchNormFault } from './batch-norm.ts';
import type { Graph, GraphCall } from './graph.ts';
import type { Layer } from './layer.ts';
import type { Call, Dialect } from './model.ts';

/**
 * Whether a call runs in training mode; undefined where nothing says it, which is inference.
 *
 * Keras 2 asks the call itself before the one of the nested model around it. In Keras 3 it is the other way round, as it
 * writes down the defaults of a layer like arguments; its `predict` runs all calls in inference, calling the model does not.
 *
 * @param enclosing that of the call of the nested model around it
 */
export function trainingOf(
  call: Call,
  enclosing: boolean | undefined,
  dialect: Dialect,
): boolean | undefined {
  const own = trainingArgument(call);
  return dialect === 'keras3' ? (enclosing ?? own) : (own ?? enclosing);
}

function trainingArgument({ layer, args, kwargs }: Call): boolean | undefined {
  const given = kwargs['training'] ?? (takesTrainingSecond(layer) ? args[1] : undefined);
  if (!given || !('value' in given)) return undefined;
  const { value } = given;
  return typeof value === 'boolean' || typeof value === 'number' ? Boolean(value) : undefined;
}

/** Whether the second argument is the mode of training; elsewhere it is another one: a mask, say, or a second operand. */
export function takesTrainingSecond({ operation: { kind } }: Layer): boolean {
  return kind === 'batchNorm' || kind === 'identity' || kind === 'model';
}

/** Whether a batch norm normalizes by the batch; a frozen one keeps to its statistics in training too. */
export function usesBatchStatistics({ layer, isTraining }: GraphCall): boolean {
  return isTraining && layer.operation.kind === 'batchNorm' && layer.trainable;
}

/** Whether a call hands on what it reads as it is: Dropout and its like in inference. */
export function changesNothing({ layer: { operation }, isTraining }: GraphCall): boolean {
  return operation.kind === 'identity' && !(isTraining && operation.isRandom);
}

/** What makes a call in training mode compute something else than in inference; undefined where nothing does. */
export function trainingEffect(call: GraphCall): TrainingEffect | undefined {
  const { layer, isTraining } = call;
  if (!isTraining) return undefined;
  if (usesBatchStatistics(call)) return 'batch statistics';
  if (layer.operation.kind === 'identity') return changesNothing(call) ? undefined : 'chance';
  return layer.operation.kind === 'opaque' ? effectOfEntry(layer.origin?.config ?? {}) : undefined;
}

/** See {@link trainingEffect}. */
export type TrainingEffect = 'batch statistics' | 'chance';

/**
 * A sentence for each layer that is called in training mode and computes something else then.
 *
 * @param target what runs all layers in inference mode: `TF.js`
 */
export function trainingNotes({ calls }: Graph, target: string): string[] {
  const layers = new Set<Layer>();
  return calls.flatMap((call) => {
    const { layer, path } = call;
    const effect = trainingEffect(call);
    if (effect === undefined || layers.has(layer)) return [];
    layers.add(layer);
    const bad = badStatistics(call);
    const [there, here] =
      effect === 'chance'
        ? ['is random', 'without its randomness']
        : ['normalizes by the batch', `by its stored statistics${bad ? `, of which ${bad}` : ''}`];
    return `${path} (${layer.className}): called in training mode, in which it ${there}; ${target} runs it in inference mode, ${here}`;
  });
}

/** What is not finite among the weights of a batch norm that normalizes by the batch: batches of one leave NaN as variance. */
export function badStatistics(call: GraphCall): string | undefined {
  const fault = usesBatchStatistics(call) ? batchNormFault(call.layer) : undefined;
  return fault?.kind === 'non-finite' ? `${fault.where}, is not finite` : undefined;
}

/** That of a layer whose operation nobody knows, as far as its configuration and those of the layers inside it tell. */
function effectOfEntry({ class_name: className, config }: JsonObject): TrainingEffect | undefined {
  if (typeof className !== 'string' || !isObject(config)) return undefined;
  if (className.includes('BatchNormalization') && config['trainable'] !== false) return 'batch statistics';
  const isRandom = /Dropout|Noise|^Random/.test(className) && config['rate'] !== 0;
  if (isRandom || config['dropout'] || config['recurrent_dropout']) return 'chance';
  for (const value of Object.values(config)) {
    for (const inner of Array.isArray(value) ? value : [value]) {
      const effect = isObject(inner) ? effectOfEntry(inner) : undefined;
      if (effect) return effect;
    }
  }
  return undefined;
}
