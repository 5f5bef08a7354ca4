/**
 * Natural pictures for networks: crops of the photographs.
 *
 * @module
 */

import sharp from 'sharp';
import { photographsIn } from '../../src/node/photographs.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { type Normalization, normalizePixels } from '../../src/verification/inputs/normalization.ts';
import { seededRandom } from '../../src/verification/inputs/seeded-random.ts';

/** How many crops each network is measured on. */
export const CROPS = 96;
/** The smallest crop, as a part of the shorter side of its photograph. */
export const SMALLEST_CROP = 0.4;
const SEED = 5;
/** Other crops than those that are measured, for who has to calibrate. */
export const CALIBRATION_SEED = 6;

/**
 * Square crops of the photographs in `folder` in turns, of seeded sizes and places, brought to `size` x `size`.
 *
 * @returns `[CROPS, size, size, 3]`.
 */
export async function naturalCrops(
  folder: string,
  size: number,
  normalization: Normalization,
  seed: number = SEED,
): Promise<Tensor> {
  const photographs = await Promise.all(photographsIn(folder).map(openPhotograph));
  const random = seededRandom(seed);
  const each = size * size * 3;
  const pixels = new Uint8Array(CROPS * each);
  for (let crop = 0; crop < CROPS; crop++) {
    const { path, width, height } = photographs[crop % photographs.length]!;
    const shorter = Math.min(width, height);
    const side = Math.round(shorter * (SMALLEST_CROP + (1 - SMALLEST_CROP) * random.uniform()));
    const left = Math.floor((width - side + 1) * random.uniform());
    const top = Math.floor((height - side + 1) * random.uniform());
    const data = await sharp(path)
      .extract({ left, top, width: side, height: side })
      .resize(size, size)
      .removeAlpha()
      .toColourspace('srgb')
      .raw()
      .toBuffer();
    if (data.length !== each) throw new Error(`${path}: ${data.length} bytes for ${size} x ${size} x 3`);
    pixels.set(data, crop * each);
  }
  return normalizePixels(pixels, [CROPS, size, size, 3], normalization);
}

async function openPhotograph(path: string): Promise<{ path: string; width: number; height: number }> {
  const { width, height } = await sharp(path).metadata();
  return { path, width, height };
}
