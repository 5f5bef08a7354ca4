import type { Model } from '../../model/model.ts';
import type { ModelRunner } from '../../model/model-runner.ts';
import type { Pass, PassContext } from '../../primitives/pass.ts';
import type { WeightQuantizer } from '../../quantization/quantizer.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { type ActivationMoments, activationMoments } from '../moments/activation-moments.ts';
import type { KernelQuantizer } from '../noise/quantized-kernels.ts';
import { quantizeKernels } from '../rounding/cancelling-quantizer.ts';
import { type BiasCorrectionRecord, type CorrectedBias, correctBias } from './bias-correction.ts';
import { correctBiasWithInputs } from './measured-correction.ts';

/** What {@link correctPass} makes up for, and how. */
export interface CorrectPassOptions {
  /** What kernels will be quantized with, or what tells what each becomes. */
  readonly quantizer: WeightQuantizer | ((model: Model, moments: ActivationMoments) => KernelQuantizer);
  /** Whether biases are corrected, by `correctBias` or, with samples, `correctBiasWithInputs`; true where it is left out. */
  readonly corrects?: boolean;
  /** What the model is run on; one tensor for each input, with the samples first. */
  readonly samples?: { readonly runner: ModelRunner; readonly inputs: readonly Tensor[] };
  /** Whether kernels become what the function that is the quantizer makes of them; false where it is left out. */
  readonly rounds?: boolean;
}

/**
 * Bias correction as a pass, and with it kernels whose rounding it makes up for. It changes the function by what quantizing
 * kernels will change back.
 *
 * ```ts
 * await runPasses(model, [carryPass(), correctPass({ quantizer: parseQuantizer('tfjs-uint8') })]);
 * ```
 */
export function correctPass(
  options: CorrectPassOptions,
): Pass<'correct', { readonly corrected: readonly CorrectedBias[] }> {
  return {
    name: 'correct',
    keepsFunction: false,
    async run(model, context) {
      const moments = activationMoments(model, { ofKernelInputs: true });
      const { quantizer: given } = options;
      const quantizer = typeof given === 'function' ? given(model, moments) : given;
      const { corrected, left } = await correct(model, { ...options, quantizer, moments }, context);
      if (options.rounds === true && typeof quantizer === 'function') quantizeKernels(model, quantizer);
      for (const reason of left) context.onSkip(reason);
      return { corrected };
    },
  };
}

interface Correction extends Pick<CorrectPassOptions, 'corrects' | 'samples'> {
  readonly quantizer: WeightQuantizer | KernelQuantizer;
  readonly moments: ActivationMoments;
}

async function correct(
  model: Model,
  { corrects = true, samples, quantizer, moments }: Correction,
  { onProgress, signal }: PassContext,
): Promise<BiasCorrectionRecord> {
  if (!corrects) return { corrected: [], left: [] };
  return samples
    ? correctBiasWithInputs(model, quantizer, { ...samples, onProgress, signal })
    : correctBias(model, quantizer, moments, onProgress);
}
