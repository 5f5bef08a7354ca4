import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { equalize } from '../../../src/equalization/equalize.ts';
import { integerQuantizer, integerRecipe } from '../../../src/equalization/quantize-integers.ts';
import { lowerPlan } from '../../../src/formats/tflite/lower.ts';
import { tfliteBytes } from '../../../src/formats/tflite/write.ts';
import type { Model } from '../../../src/model/model.ts';
import { loadInputs, loadModel } from '../../../src/node.ts';
import type { Tensor } from '../../../src/tensor/tensor.ts';
import { integerModel } from '../../../src/verification/comparing/integer-model.ts';
import { inputRanges } from '../../../src/verification/inputs/input-ranges.ts';
import { outputDifferences } from '../../support/tflite-runs.ts';

const EXAMPLE = join(import.meta.dirname, '../../../examples/fashion-mobilenetv2.keras');

let model: Model;
let inputs: readonly Tensor[];
beforeAll(async () => {
  model = await loadModel(EXAMPLE);
  ({ tensors: inputs } = await loadInputs(model, [`${EXAMPLE}.samples.npz`], { samples: 64 }));
});

describe('the example in whole numbers', () => {
  for (const weights of ['per-channel', 'per-tensor'] as const) {
    it(`is what its plan says, logits too, through 65 operators: ${weights}`, async () => {
      const { model: ready } = await equalize(model, integerRecipe({ weights }));
      const options = { weights: integerQuantizer({ weights }), inputRanges: inputRanges(model) };
      const { plan } = await integerModel(ready, options);
      const graph = lowerPlan(plan);
      const bytes = tfliteBytes(graph);
      expect(bytes.length).toBeLessThan(0.28 * readFileSync(EXAMPLE).length);
      for (const { most, share } of await outputDifferences({ plan, graph, bytes, inputs })) {
        // No code differs per channel and 0.3 % of the logits by one per tensor; kernels of other processors round otherwise.
        expect(most).toBeLessThanOrEqual(2);
        expect(share).toBeLessThanOrEqual(0.02);
      }
    });
  }
});
