import { CannotRunError, type Model } from 'crosslayer';
import { type ModelInput, modelInputs } from 'crosslayer/verification';
import type { OpenedModel } from '../../protocol.ts';

/** Height and width of pictures for a model that takes any. */
const USUAL_SIZE = 224;

/** What `model` takes pictures as; null where its input is no picture, or it has several. */
export function picturesOf(model: Model): OpenedModel['pictures'] {
  const image = pictureInput(model)?.image;
  if (!image) return null;
  const { height, width, channels } = image;
  return { height: height ?? USUAL_SIZE, width: width ?? USUAL_SIZE, channels };
}

/** The only input, where it takes pictures. */
export function pictureInput(model: Model): ModelInput | undefined {
  try {
    const [input, other] = modelInputs(model);
    return other || !input?.image ? undefined : input;
  } catch (error) {
    // Its shape is not known.
    if (error instanceof CannotRunError) return undefined;
    throw error;
  }
}
