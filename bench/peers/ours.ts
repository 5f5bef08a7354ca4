/**
 * Whole-integer models beside those of the peers, as `crosslayer quantize -o FILE.tflite` makes them without and with `--inputs`.
 *
 * @module
 */

import { equalize } from '../../src/equalization/equalize.ts';
import {
  INTEGER_WEIGHTS,
  integerQuantizer,
  integerRecipe,
} from '../../src/equalization/quantize-integers.ts';
import type { Model } from '../../src/model/model.ts';
import type { ModelRunner } from '../../src/model/model-runner.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { integerModel } from '../../src/verification/comparing/integer-model.ts';
import { inputRanges } from '../../src/verification/inputs/input-ranges.ts';
import type { Normalization } from '../../src/verification/inputs/normalization.ts';
import { forChoosing } from '../../src/verification/run/samples.ts';

/** What a network is run on. */
export interface OurInputs {
  readonly runner: ModelRunner;
  readonly inputs: Tensor;
  readonly calibrating: Tensor;
  readonly batchSize: number;
  readonly normalization: Normalization;
}

/** The logits of the whole-integer models of `model`, with the names of their files, one after the other. */
export async function* ourLogits(model: Model, given: OurInputs): AsyncGenerator<[string, Tensor]> {
  const { runner, inputs, calibrating, batchSize, normalization } = given;
  const ways = {
    'without-data': {},
    calibrated: { samples: { runner, inputs: forChoosing([calibrating]) } },
  };
  for (const [way, options] of Object.entries(ways)) {
    for (const weights of INTEGER_WEIGHTS) {
      const { model: ready } = await equalize(model, integerRecipe({ weights, ...options }));
      const integers = await integerModel(ready, {
        weights: integerQuantizer({ weights }),
        inputRanges: inputRanges(model, normalization),
        ...options,
      });
      const { scores } = await integers.record({ runner, inputs: [inputs], batchSize });
      yield [`ours-${way}-${weights}`, scores[0]!];
    }
  }
}
