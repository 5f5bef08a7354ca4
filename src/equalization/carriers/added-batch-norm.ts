/**
 * A batch norm for a layer that has none.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../json/value.ts';
import { kerasAxis } from '../../model/channel-axes.ts';
import { channelCount } from '../../model/channels.ts';
import { insertBehind } from '../../model/edit.ts';
import type { Graph, GraphCall } from '../../model/graph.ts';
import { Layer } from '../../model/layer.ts';
import type { Call, Model } from '../../model/model.ts';
import { freeLayerName, newAffine } from '../../model/new-layer.ts';
import { activationOf, isWeighted, LINEAR } from '../../model/operation.ts';
import type { SkipReason } from '../../model/skip-reason.ts';

/**
 * Puts a batch norm that changes nothing behind every call of `layer`, before the activation fused into it, which becomes
 * an Activation layer.
 *
 * @returns the batch norm, or why there is no place for one.
 */
export function giveBatchNorm(
  graph: Graph,
  layer: Layer,
): { readonly batchNorms: readonly Layer[] } | { readonly reason: SkipReason } {
  const [first] = graph.callsOf(layer);
  if (!first) throw new TypeError(`${layer.path} is not called`);
  const { owner } = first;
  const activation = activationOf(layer.operation);
  // Its slopes are weights of the layer.
  if (activation.kind === 'prelu') {
    return { reason: { code: 'fused-activation', edit: 'carry', layers: [layer.path], activation: 'PReLU' } };
  }
  const taken = new Set<string>();
  const place = (ending: string): { owner: Model; beside: Layer; name: string } => ({
    owner,
    beside: layer,
    name: freeLayerName(graph.model, `${layer.name}_${ending}`, taken),
  });
  const channels = channelCount(layer, 'output');
  const ones = new Float64Array(channels).fill(1);
  const bn = newAffine(place('scale'), kerasAxis(first.output()), ones, new Float64Array(channels));
  const behind =
    activation.kind === 'linear' ? [bn] : [bn, splitActivation(layer, place('activation').name, owner)];
  for (const call of callsOf(graph.callsOf(layer))) insertBehind(owner, call, behind);
  owner.layers = [...new Set(owner.layers)];
  return { batchNorms: [bn] };
}

/** A layer of a nested model that is called several times still has one call in its own model. */
function callsOf(calls: readonly GraphCall[]): Set<Call> {
  return new Set(calls.map(({ call }) => call));
}

/** Takes the activation out of a layer and makes a layer of it, both with the configuration that Keras would have written. */
function splitActivation(fused: Layer, name: string, owner: Model): Layer {
  const read = configOf(fused);
  const before = fused.origin?.operation ?? fused.operation;
  const { activation = 'linear', dtype = 'float32' } = read;
  const config = { name, trainable: true, dtype, activation };
  const entry: JsonObject =
    owner.dialect === 'keras2'
      ? { class_name: 'Activation', config }
      : { module: 'keras.layers', class_name: 'Activation', config, registered_name: null };
  if (!isWeighted(fused.operation)) throw new TypeError(`${fused.path} has no kernel`);
  const operation = { kind: 'activation', activation: fused.operation.activation } as const;
  fused.operation = { ...fused.operation, activation: LINEAR };
  if (fused.origin) {
    const linear = { ...fused.origin.config, config: { ...read, activation: 'linear' } };
    // The activation is no longer an edit, but the use of a bias still is.
    const unedited = 'activation' in before ? { ...before, activation: LINEAR } : before;
    fused.origin = { ...fused.origin, config: linear, operation: unedited };
  }
  return new Layer({
    name,
    path: fused.path.slice(0, fused.path.length - fused.name.length) + name,
    className: 'Activation',
    operation,
    origin: {
      config: entry,
      operation: { kind: 'activation', activation: activationOf(before) },
      weights: new Map(),
    },
  });
}

function configOf(layer: Layer): Record<string, JsonValue> {
  const config = layer.origin?.config['config'];
  return typeof config === 'object' && config !== null && !Array.isArray(config) ? config : {};
}
