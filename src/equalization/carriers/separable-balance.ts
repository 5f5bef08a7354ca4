import { channelMaxAbs } from '../../kernels/pair-ranges.ts';
import { pairScaleFactors } from '../../kernels/scale-factors.ts';
import { channelRange } from '../../model/channels.ts';
import type { Layer } from '../../model/layer.ts';

/**
 * Scales the channels between the two kernels of a SeparableConv so that the ranges on both sides match. Those of the
 * pointwise kernel are taken as if its output channels had a range of 1, which they get from the batch norm behind.
 */
export function balanceSeparable(layer: Layer): void {
  const depthwise = layer.requireWeight('depthwiseKernel');
  const pointwise = layer.requireWeight('pointwiseKernel');
  const outputs = channelRange(layer, 'output').map((range) => (range > 0 ? 1 / range : 1));
  const written = channelMaxAbs(depthwise, { kind: 'pairs' });
  const read = channelMaxAbs(pointwise.scaled('columns', outputs), { kind: 'rows' });
  const factors = pairScaleFactors(written, read);
  layer.setWeight(
    'depthwiseKernel',
    depthwise.scaled(
      'pairs',
      factors.map((factor) => 1 / factor),
    ),
  );
  layer.setWeight('pointwiseKernel', pointwise.scaled('rows', factors));
}
