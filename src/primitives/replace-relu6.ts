/**
 * Replacing ReLU6 by ReLU, as AIMET's `aimet_tensorflow.keras.utils.model_transform_utils.replace_relu6_with_relu` has it.
 *
 * @module
 */

import { buildGraph, type Graph, type GraphCall } from '../model/graph.ts';
import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { type Activation, activationOf } from '../model/operation.ts';
import type { SkipReason } from '../model/skip-reason.ts';
import type { Pass, StepOptions } from './pass.ts';

/**
 * Takes the maximum of 6 from every ReLU6: ReLU layers, Activation layers, and activations fused into any layer. A
 * negative slope stays. Edits `model`, and changes its function wherever an activation exceeds 6.
 *
 * A ReLU6 inside a hard-swish (`x * relu6(x + 3) / 6`) is left alone, because it is no clipped ReLU but a gate.
 *
 * @returns the model and the layers that were changed, in the model's order.
 */
export function replaceRelu6WithRelu(model: Model, options: StepOptions = {}): [Model, Layer[]] {
  const graph = buildGraph(model);
  const changed = new Set<Layer>();
  for (const call of graph.calls) {
    const { layer } = call;
    if (changed.has(layer) || !isRelu6(activationOf(layer.operation))) continue;
    const reason = hardSwishReason(graph, layer);
    if (reason) {
      if (graph.callsOf(layer)[0] === call) options.onSkip?.(reason);
      continue;
    }
    removeMaximum(layer);
    changed.add(layer);
  }
  return [model, [...changed]];
}

/**
 * {@link replaceRelu6WithRelu} as a pass. It may change the function.
 *
 * ```ts
 * await runPasses(model, [replaceRelu6Pass(), foldPass()]);
 * ```
 */
export function replaceRelu6Pass(): Pass<'relu6', { readonly replacedRelu6: readonly string[] }> {
  return {
    name: 'relu6',
    keepsFunction: false,
    run(model, { onSkip }) {
      const [, layers] = replaceRelu6WithRelu(model, { onSkip });
      return { replacedRelu6: layers.map(({ path }) => path) };
    },
  };
}

function isRelu6(activation: Activation): boolean {
  return activation.kind === 'relu' && activation.maxValue === 6;
}

function removeMaximum(layer: Layer): void {
  const { operation } = layer;
  if (!('activation' in operation) || operation.activation.kind !== 'relu') return;
  layer.operation = { ...operation, activation: { ...operation.activation, maxValue: undefined } };
}

/** Where a call of the layer reads `x + 3`, or is multiplied by a sixth, it is the gate of a hard-swish. */
function hardSwishReason(graph: Graph, layer: Layer): SkipReason | undefined {
  for (const call of graph.callsOf(layer)) {
    const neighbours = [call.input?.producer, ...call.output().consumers];
    const gate = neighbours.find((neighbour) => neighbour && isConstantArithmetic(neighbour));
    if (gate)
      return { code: 'hard-swish', layers: [call.path], between: `${gate.path} (${gate.layer.className})` };
  }
  return undefined;
}

/** The numbers of `x * relu6(x + 3) / 6`. */
const HARD_SWISH_NUMBERS: readonly number[] = [3, 6, 1 / 6];

/** Adds, multiplies by or divides by one of the numbers of a hard-swish, an operator or a Rescaling. */
function isConstantArithmetic({ layer: { operation, className } }: GraphCall): boolean {
  if (className === 'Rescaling') return true;
  if (operation.kind !== 'rescaling') return false;
  const numbers = [...operation.scale, ...operation.offset];
  return numbers.some((number) => HARD_SWISH_NUMBERS.some((one) => Math.abs(number - one) < 1e-6));
}
