/**
 * What networks are measured on, and others of their kind for who has to calibrate.
 *
 * @module
 */

import type { Model } from '../../src/model/model.ts';
import { loadInputs } from '../../src/node.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { modelInputs } from '../../src/verification/inputs/model-inputs.ts';
import { seededInputs } from '../../src/verification/inputs/seeded-inputs.ts';
import { CROPS, naturalCrops } from './crops.ts';
import { type AnyNetwork, EXAMPLE, SHARED } from './networks.ts';

/** Samples that go through a network at a time. */
export const BATCH = { photographs: 8, small: 100 } as const;

/**
 * Crops of the size that a network takes, or seeded inputs where it takes no pictures.
 *
 * @param seed `CALIBRATION_SEED` for others than those that are measured
 */
export async function unlabelledInputs(
  model: Model,
  { title, normalization }: AnyNetwork,
  seed?: number,
): Promise<Tensor[]> {
  if (!normalization) return seededInputs(model, { samples: CROPS, ...(seed === undefined ? {} : { seed }) });
  const size = modelInputs(model)[0]?.image?.height;
  if (!size) throw new Error(`${title}: takes no pictures of a known size`);
  return [await naturalCrops(`${SHARED}/photos`, size, normalization, seed)];
}

/** The labelled images of the example, `[images, 32, 32, 1]`. */
export async function labelledImages(model: Model): Promise<{ images: Tensor; labels: Int32Array }> {
  const { tensors, labels } = await loadInputs(model, [EXAMPLE.images], {
    normalization: EXAMPLE.normalization,
  });
  const [images] = tensors;
  if (!images || !labels) throw new Error(`${EXAMPLE.images}: no labels`);
  return { images, labels };
}
