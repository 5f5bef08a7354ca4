import type { Graph } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { type LayerWeight, requireFloat } from '../fake-quantize.ts';
import { isKernel } from '../kernel-layout.ts';
import { kernelBehind } from './activation-placement.ts';

/**
 * The weights that a simulation quantizes, in the order of the calls: kernels, the slopes of PReLU, and gamma and beta of
 * a batch norm, unless it is computed with the layer before it, into which it then is folded. Biases and statistics stay
 * as they are. So AIMET's default configuration has it.
 *
 * @throws InvalidModelError where one of them is of whole numbers.
 */
export function simulatedParameters(graph: Graph): LayerWeight[] {
  const layers = new Set<Layer>(graph.calls.map(({ layer }) => layer));
  return [...layers].flatMap((layer) =>
    [...layer.weights]
      .filter(([name]) => isSimulated(graph, layer, name))
      .map(([name, tensor]) => ({ layer, name, tensor: requireFloat(layer, name, tensor) })),
  );
}

function isSimulated(graph: Graph, layer: Layer, name: string): boolean {
  if (isKernel(layer, name)) return true;
  switch (layer.operation.kind) {
    case 'activation':
      return name === 'alpha';
    case 'batchNorm':
      if (name !== 'gamma' && name !== 'beta') return false;
      return !graph.callsOf(layer).every((call) => kernelBehind(call));
    default:
      return false;
  }
}
