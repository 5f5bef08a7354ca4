import type { Layer } from './layer.ts';
import type { Call, Model } from './model.ts';

/**
 * The layers of a functional model in the order that Keras gives them when it loads the model: by depth, which is the
 * longest way to an output, and within a depth in the order in which a walk from the outputs back meets them.
 *
 * Keras matches the weights of HDF5 and `.keras` files to layers by this order and not by name, so that a file must have
 * it, also where taking a layer out has changed the depths. Keras: `map_graph_network` (2), `map_graph` (3).
 */
export function kerasLayerOrder(model: Model): Layer[] {
  const { calls, met } = walkFromOutputs(model);
  const callDepths = new Map<Call, number>();
  const layerDepths = new Map<Layer, number>();
  for (const call of calls.toReversed()) {
    const depth = Math.max(callDepths.get(call) ?? 0, layerDepths.get(call.layer) ?? 0);
    callDepths.set(call, depth);
    layerDepths.set(call.layer, depth);
    for (const { producer } of call.inputs) {
      if (producer) callDepths.set(producer, Math.max(depth + 1, callDepths.get(producer) ?? 0));
    }
  }
  for (const { producer } of model.inputs) {
    // An input that leads to no output stands first among the layers of depth 0.
    if (!producer || layerDepths.has(producer.layer)) continue;
    layerDepths.set(producer.layer, 0);
    met.set(producer.layer, -1);
  }
  const depthOf = (layer: Layer): number => layerDepths.get(layer) ?? -1;
  const connected = (layer: Layer): number => met.get(layer) ?? 0;
  return [...model.layers].sort(
    (one, other) => depthOf(other) - depthOf(one) || connected(one) - connected(other),
  );
}

/** The calls that lead to an output, each after those it reads from, and when each layer was first met. */
function walkFromOutputs(model: Model): { calls: Call[]; met: Map<Layer, number> } {
  const calls: Call[] = [];
  const met = new Map<Layer, number>();
  const seen = new Set<Call>();
  for (const { producer } of model.outputs) {
    if (!producer || seen.has(producer)) continue;
    const path: { call: Call; next: number }[] = [];
    const enter = (call: Call): void => {
      seen.add(call);
      if (!met.has(call.layer)) met.set(call.layer, met.size);
      path.push({ call, next: 0 });
    };
    enter(producer);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const input = top.call.inputs[top.next++];
      if (input === undefined) {
        calls.push(top.call);
        path.pop();
      } else if (input.producer && !seen.has(input.producer)) {
        enter(input.producer);
      }
    }
  }
  return { calls, met };
}
