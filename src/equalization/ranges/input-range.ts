import type { GraphTensor } from '../../model/graph.ts';
import type { TensorRange } from '../../quantization/integer/range-grid.ts';
import type { ChannelMoments } from '../moments/channel-distribution.ts';

/** In what pictures are given to networks: as `x / 127.5 - 1`, `x / 255`, bytes, and the ways of PyTorch and of Caffe. */
const PICTURES: readonly TensorRange[] = [
  { min: -1, max: 1 },
  { min: 0, max: 1 },
  { min: 0, max: 255 },
  { min: -2.118, max: 2.64 },
  { min: -123.68, max: 151.061 },
];

/** The deviation of natural pictures, as a part of their range. */
const PICTURE_DEVIATION = 0.28;

/**
 * The range of an input: of the usual ones of pictures that whose deviation fits best what the first layers tell, for an
 * input that looks like a picture; undefined for any other, and where nothing is known of it. The ends of a range of pixels are
 * values that they often have, and no statistics tell them.
 */
export function pictureRange(
  { shape, channels }: GraphTensor,
  moments: ChannelMoments | undefined,
): TensorRange | undefined {
  const isPicture = shape?.length === 4 && (channels === 1 || channels === 3 || channels === 4);
  if (!isPicture || !moments) return undefined;
  const average = (values: Float64Array): number => values.reduce((sum, one) => sum + one, 0) / values.length;
  const mean = average(moments.mean);
  const deviation = Math.sqrt(average(moments.variance));
  const misfit = ({ min, max }: TensorRange): number =>
    mean >= min && mean <= max ? Math.abs(Math.log(deviation / (max - min) / PICTURE_DEVIATION)) : Infinity;
  const best = PICTURES.reduce((one, other) => (misfit(other) < misfit(one) ? other : one));
  return misfit(best) < Math.LN2 ? best : undefined;
}
