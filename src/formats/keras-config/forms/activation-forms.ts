/**
 * Activations that TF.js lacks, from those that it has.
 *
 * @module
 */

import type { JsonObject, JsonValue } from '../../../json/value.ts';
import type { Dialect } from '../../../model/model.ts';
import type { Activation, Relu } from '../../../model/operation.ts';
import { classNameOf, configOf, isSerialized } from '../serialized-objects.ts';
import type { Compute } from './layer-form.ts';

/** `min(1, relu(x / 5 + 1/2))`, as Keras 2 and TF.js have it. */
const hardSigmoidOfKeras2: Compute = (form, x) => form.rectified(form.rescaled(x, 0.2, 0.5), 1);
/** `relu6(x + 3) / 6`, as Keras 3 has it. */
const hardSigmoid: Compute = (form, x) => form.rescaled(form.rectified(form.rescaled(x, 1, 3), 6), 1 / 6);
const hardSilu: Compute = (form, x) => form.multiplied(x, hardSigmoid(form, x));

/** By the names of Keras, where both dialects have the same under it. */
const FORMS: ReadonlyMap<string, Compute> = new Map<string, Compute>([
  // Its alpha is 1 wherever it goes by its name.
  ['celu', (form, x) => form.activated(x, 'elu')],
  [
    'hard_shrink',
    (form, x) => {
      const beyond = { theta: 0.5 };
      const below = form.add('ThresholdedReLU', beyond, form.rescaled(x, -1));
      return form.added(form.add('ThresholdedReLU', beyond, x), form.rescaled(below, -1));
    },
  ],
  ['hard_silu', hardSilu],
  ['hard_swish', hardSilu],
  ['hard_tanh', (form, x) => form.rescaled(form.rectified(form.rescaled(x, 1, 1), 2), 1, -1)],
  ['log_sigmoid', (form, x) => form.rescaled(form.activated(form.rescaled(x, -1), 'softplus'), -1)],
  [
    'soft_shrink',
    (form, x) => {
      const below = form.rectified(form.rescaled(x, -1, -0.5));
      return form.added(form.rectified(form.rescaled(x, 1, -0.5)), form.rescaled(below, -1));
    },
  ],
  [
    // (x + 1)^2 / 4 between -1 and 1, and x beyond.
    'sparse_plus',
    (form, x) => {
      const middle = form.rectified(form.rescaled(x, 0.5, 0.5), 1);
      return form.added(form.multiplied(middle, middle), form.rectified(form.rescaled(x, 1, -1)));
    },
  ],
  ['sparse_sigmoid', (form, x) => form.rectified(form.rescaled(x, 0.5, 0.5), 1)],
  ['tanh_shrink', (form, x) => form.added(x, form.rescaled(form.activated(x, 'tanh'), -1))],
]);

/**
 * How an activation is computed with layers that TF.js has, and the other Keras; undefined where TF.js has the activation, and
 * where there is no way that is exact.
 *
 * @param dialect of the activation.
 * @param entry the `activation` of the configuration, or the entry of a layer that is one.
 */
export function activationForm(
  activation: Activation,
  entry: JsonValue | undefined,
  dialect: Dialect,
  target: 'tfjs' | Dialect,
): Compute | undefined {
  switch (activation.kind) {
    case 'relu':
      return reluForm(activation);
    case 'other': {
      if (isSerialized(entry) && classNameOf(entry) === 'ELU') return eluForm(configOf(entry));
      if (activation.name === 'hard_sigmoid') {
        if (dialect === 'keras3') return hardSigmoid;
        return target === 'keras3' ? hardSigmoidOfKeras2 : undefined;
      }
      return FORMS.get(activation.name);
    }
    default:
      return undefined;
  }
}

/** Slopes alone and maxima alone are known to TF.js. */
function reluForm({ maxValue, negativeSlope, threshold }: Relu): Compute | undefined {
  const isBounded = maxValue !== undefined;
  if (threshold === 0 && (negativeSlope === 0 || !isBounded)) return undefined;
  return (form, x) => {
    let above = threshold === 0 ? x : form.add('ThresholdedReLU', { theta: threshold }, x);
    // Below 0 there may be something left where the threshold is.
    if (isBounded) above = form.rectified(above, maxValue);
    else if (threshold === 0) above = form.rectified(above);
    if (negativeSlope === 0) return above;
    const below = form.rectified(form.rescaled(x, -1, threshold));
    return form.added(above, form.rescaled(below, -negativeSlope));
  };
}

/** `x > 0 ? x : alpha (e^x - 1)`, from the one whose alpha is 1. */
function eluForm(config: JsonObject): Compute | undefined {
  const alpha = Number(config['alpha'] ?? 1);
  if (alpha === 1 || !Number.isFinite(alpha)) return undefined;
  return (form, x) => {
    const below = form.rectified(form.rescaled(form.activated(x, 'elu'), -1));
    return form.added(form.rectified(x), form.rescaled(below, -alpha));
  };
}
