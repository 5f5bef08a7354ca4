import type { Graph, GraphCall } from '../model/graph.ts';

/**
 * The calls of a graph in reverse depth-first postorder from the inputs: each after those it reads from, and the last
 * of several branches first. The order in which the reference finds batch norms.
 */
export function reverseDepthFirst(graph: Graph): GraphCall[] {
  const visited = new Set<GraphCall>();
  const postorder: GraphCall[] = [];
  const visit = (root: GraphCall): void => {
    // The next consumer to visit of each call on the path; a stack of its own, because networks are deep.
    const path = [{ call: root, rest: consumersOf(root) }];
    visited.add(root);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.shift();
      if (next === undefined) {
        postorder.push(top.call);
        path.pop();
      } else if (!visited.has(next)) {
        visited.add(next);
        path.push({ call: next, rest: consumersOf(next) });
      }
    }
  };
  // Each call stands behind those that it reads from, so that roots are inputs, in the order of the model's layers.
  for (const root of graph.calls) if (!visited.has(root)) visit(root);
  return postorder.reverse();
}

function consumersOf(call: GraphCall): GraphCall[] {
  return call.outputs.flatMap((tensor) => tensor.consumers);
}
