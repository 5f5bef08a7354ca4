/**
 * Why a bias was not moved into the next layer.
 *
 * @module
 */

import { describeSkip, type SkipReason } from '../../primitives/skip-reason.ts';
import type { ExpectedRange } from '../moments/expected-range.ts';

/** A layer whose bias stays, with what would have taken it where there is such a layer. */
export type UnabsorbedBias =
  | Extract<
      SkipReason,
      {
        code:
          | 'shared-layer'
          | 'activation-between'
          | 'model-output'
          | 'several-consumers'
          | 'layer-between'
          | 'padding'
          | 'transposed-convolution'
          | 'non-finite'
          | 'no-batch-norm'
          | 'data-format';
      }
    >
  /** A quantizer of activations gains nothing by it, or less than a hundredth of the range. */
  | {
      readonly code: 'no-smaller-range';
      readonly layers: readonly string[];
      readonly before: ExpectedRange;
      readonly after: ExpectedRange;
    };

/** Why a bias stays, in a sentence. */
export function describeUnabsorbed(reason: UnabsorbedBias): string {
  const [first = '', other] = reason.layers;
  const alone = `the bias of ${first} is not absorbed`;
  const stays = other === undefined ? alone : `${alone} into ${other}`;
  switch (reason.code) {
    case 'activation-between':
      return `${alone}: ${reason.activation} in ${reason.between} does not pass it on as it is`;
    case 'model-output':
      return `${stays}: its output, or what activations and poolings make of it, is one of the model`;
    case 'several-consumers':
      return `${stays}: its output is read by ${reason.consumers.join(', ')} too`;
    case 'layer-between':
      return `${alone}: ${reason.between} stands behind it, through which no shift is carried`;
    case 'padding':
      return `${alone}: ${other} pads with zeros (${reason.padding}) behind it, so that the border would not get the shift`;
    case 'transposed-convolution':
      return `${stays}: its outputs do not all see the whole kernel`;
    case 'data-format':
      return `${stays}: their channels lie on different axes or differ in number`;
    case 'no-smaller-range':
      return `${stays}: the expected range of its output, ${text(reason.before)}, would be ${text(reason.after)}, which gains nothing`;
    case 'shared-layer':
    case 'non-finite':
    case 'no-batch-norm':
      return describeSkip(reason);
  }
}

function text([min, max]: ExpectedRange): string {
  return `${min.toPrecision(3)} to ${max.toPrecision(3)}`;
}
