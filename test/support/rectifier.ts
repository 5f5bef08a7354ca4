import type { Model } from '../../src/model/model.ts';
import { buildModel, input, layer } from './model-builder.ts';

/** `relu(x)`, which the statistics of its batch norm expect between 0 and 12. */
export function rectifier(kernel: readonly number[] = [1, 0, 0, 1]): Model {
  return buildModel([
    input('x', [2]),
    layer('Dense', 'hidden', { units: 2 }, { weights: { kernel, bias: [0, 0] } }),
    layer(
      'BatchNormalization',
      'bn',
      { epsilon: 1e-9 },
      { weights: { gamma: [2, 2], beta: [0, 0], movingMean: [0, 0], movingVariance: [4, 4] } },
    ),
    layer('ReLU', 'relu'),
  ]);
}
