/**
 * Whole-integer models as `crosslayer quantize -o FILE.tflite` makes them, beside those of the peers.
 *
 * @module
 */

import { equalize } from '../../src/equalization/equalize.ts';
import {
  type IntegerWeights,
  integerQuantizer,
  integerRecipe,
} from '../../src/equalization/quantize-integers.ts';
import type { Model } from '../../src/model/model.ts';
import type { ModelRunner } from '../../src/model/model-runner.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { integerModel } from '../../src/verification/comparing/integer-model.ts';
import { inputRanges } from '../../src/verification/inputs/input-ranges.ts';
import type { Normalization } from '../../src/verification/inputs/normalization.ts';
import { sqnrJudge } from '../../src/verification/proving/sqnr-judge.ts';
import { forChoosing } from '../../src/verification/run/samples.ts';

/** What a network is run on. */
export interface OurInputs {
  readonly runner: ModelRunner;
  readonly inputs: Tensor;
  readonly calibrating: Tensor;
  readonly batchSize: number;
  readonly normalization: Normalization;
}

/** The logits of the whole-integer models of `model`, by the names of their files. */
export async function ourLogits(model: Model, given: OurInputs): Promise<Record<string, Tensor>> {
  const { runner, inputs, calibrating, batchSize, normalization } = given;
  const made: Record<string, Tensor> = {};
  for (const weights of ['per-tensor', 'per-channel'] satisfies IntegerWeights[]) {
    for (const calibrated of [false, true]) {
      const given = { runner, inputs: forChoosing([calibrating]), batchSize };
      const samples = calibrated ? { samples: given } : {};
      const judge = calibrated && weights === 'per-tensor' ? { judge: await sqnrJudge(model, given) } : {};
      const { model: ready } = await equalize(model, integerRecipe({ weights, ...samples, ...judge }));
      const integers = await integerModel(ready, {
        weights: integerQuantizer({ weights }),
        inputRanges: inputRanges(model, normalization),
        ...samples,
      });
      const { scores } = await integers.record({ runner, inputs: [inputs], batchSize });
      made[`ours-${calibrated ? 'calibrated' : 'without-data'}-${weights}`] = scores[0]!;
    }
  }
  return made;
}
