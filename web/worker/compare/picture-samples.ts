/**
 * Pictures that were chosen, and those of the example, as a model takes them.
 *
 * @module
 */

import { type Model, Tensor, UnsupportedModelError } from 'crosslayer';
import { count } from 'crosslayer/report';
import { fitArray, guessNormalization, type ModelInput, type Normalization } from 'crosslayer/verification';
import type { Operations } from '../../protocol.ts';
import { scalingText } from '../made-up-inputs.ts';
import type { Opened } from '../open/opened.ts';
import { pictureInput, picturesOf } from '../open/pictures-of.ts';
import type { Progress } from '../progress.ts';
import { decodePictures } from './decode-pictures.ts';

/** Pictures that are taken at a time: so many rows of a comparison can still be looked at. */
const MOST_PICTURES = 200;

/** What models are run on. */
export interface Samples {
  readonly tensor: Tensor;
  readonly names: readonly string[];
  readonly labels: Int32Array | undefined;
  readonly normalization: Normalization | null;
  readonly description: string;
}

/**
 * Pictures as a model takes them.
 *
 * @param most how many images of the example are taken.
 * @throws UnsupportedModelError where the model takes none, or pictures or labels are too many or too few.
 */
export async function pictureSamples(
  { model, samples, told }: Opened,
  { pictures, labels: given, normalization }: Operations['compare']['asked'],
  progress: Progress,
  most: number = MOST_PICTURES,
): Promise<Samples> {
  const input = pictureInput(model);
  const size = picturesOf(model);
  if (!input || !size) {
    throw new UnsupportedModelError(
      'inputs',
      `${told.name}: takes no pictures, or more than one input; crosslayer evaluate compares it on arrays`,
    );
  }
  if (pictures === 'example') {
    if (!samples) throw new UnsupportedModelError('inputs', 'only the example has images of its own');
    const images = samples.images;
    const number = Math.min(most, images.shape[0] ?? 0);
    const first = firstOf(images, number);
    const names = Array.from({ length: number }, (_, index) => `image ${index + 1}`);
    const labels = samples.labels.subarray(0, number);
    return fitted(model, input, { array: first, names, labels, asked: normalization });
  }
  if (pictures.length === 0) throw new UnsupportedModelError('inputs', 'no pictures were chosen');
  if (pictures.length > MOST_PICTURES) {
    const reason = `${count(pictures.length, 'picture')}; the page takes up to ${MOST_PICTURES} at a time`;
    throw new UnsupportedModelError('inputs', reason);
  }
  const labels = given && given.length > 0 ? Int32Array.from(given) : undefined;
  if (labels && labels.length !== pictures.length) {
    const reason = `${count(labels.length, 'label')} for ${count(pictures.length, 'picture')}; give one for each, or none`;
    throw new UnsupportedModelError('labels', reason);
  }
  const array = await decodePictures(pictures, size, progress);
  const names = pictures.map(({ file }) => file.name);
  return fitted(model, input, { array, names, labels, asked: normalization });
}

function firstOf(images: Tensor, number: number): Tensor {
  const [samples = 1, ...inner] = images.shape;
  const values = images.values() as Uint8Array;
  const part = values.subarray(0, (values.length / samples) * number);
  return Tensor.of('uint8', [number, ...inner], part);
}

interface Pictures extends Pick<Samples, 'names' | 'labels'> {
  readonly array: Tensor;
  readonly asked: Normalization | undefined;
}

function fitted(model: Model, input: ModelInput, { array, names, labels, asked }: Pictures): Samples {
  const { tensor, normalization = null } = fitArray(array, 'the pictures', input, {
    asked,
    guessed: guessNormalization(model).normalization,
  });
  const [, height, width] = array.shape;
  const scaling = normalization === null ? 'values as they are' : scalingText(model, asked);
  const description = `${count(names.length, 'picture')} of ${width} x ${height}: ${scaling}`;
  return { tensor, names, labels, normalization, description };
}
