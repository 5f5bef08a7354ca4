import { buildGraph } from '../../../model/graph.ts';
import type { Model } from '../../../model/model.ts';
import { outputShape } from '../../../model/shapes.ts';
import { isOperator } from '../dialects/operator-layers.ts';
import { operatorOperation } from '../dialects/operator-operations.ts';

/**
 * Gives the operators of a model that have one call the operation that they compute, as far as it is one that layers have:
 * it stands in the call, and often takes the shapes of what the call reads.
 *
 * @throws InvalidModelError or LimitError, as `buildGraph` does.
 */
export function findOperators(model: Model): void {
  const isUnknown = ({ origin, operation }: Model['layers'][number]): boolean =>
    operation.kind === 'opaque' && isOperator(origin?.config ?? {});
  if (![...model.allLayers()].some(({ layer }) => isUnknown(layer))) return;
  const { calls } = buildGraph(model);
  const reused = new Set(calls.filter(({ use }) => use > 0).map(({ layer }) => layer));
  for (const call of calls) {
    const { layer } = call;
    // What a TimeDistributed holds has no call of its own.
    const isOnly = call.call.layer === layer && !reused.has(layer);
    if (isUnknown(layer) && call.outputs.length <= 1 && isOnly) {
      const operation = operatorOperation(layer.origin?.config ?? {}, call);
      if (operation) {
        layer.operation = operation;
        layer.remember({ operation });
      }
    }
    // Behind an operator more is known than before.
    const output = call.output();
    output.shape = call.call.output().shape ?? outputShape(call) ?? output.shape;
  }
}
