import { FormatError, Tensor } from 'crosslayer';
import { messageOf } from 'crosslayer/quantization';
import type { PickedFile } from '../../protocol.ts';
import type { Progress } from '../progress.ts';

/** The size that pictures are brought to. */
export interface PictureSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/**
 * Pictures as pixels 0..255, `[pictures, height, width, channels]`: upright, scaled to cover the size and cut to it around the
 * middle, what is transparent on white, unless the model takes four channels.
 *
 * @throws FormatError where the browser cannot decode one.
 */
export async function decodePictures(
  pictures: readonly PickedFile[],
  size: PictureSize,
  progress: Progress,
): Promise<Tensor> {
  const { height, width, channels } = size;
  const each = height * width * channels;
  const pixels = new Uint8Array(each * pictures.length);
  for (const [index, { file }] of pictures.entries()) {
    progress(`Decoding picture ${index + 1} of ${pictures.length}`, index / pictures.length);
    pixels.set(withChannels(await decode(file, size), channels), index * each);
  }
  return Tensor.of('uint8', [pictures.length, height, width, channels], pixels);
}

/** RGBA of a picture. */
async function decode(file: File, { height, width, channels }: PictureSize): Promise<Uint8ClampedArray> {
  try {
    const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
    const cover = coverSize(bitmap, { height, width });
    const scaled = await createImageBitmap(bitmap, {
      resizeWidth: cover.width,
      resizeHeight: cover.height,
      resizeQuality: 'high',
    });
    const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('the browser has no canvas in workers');
    if (channels !== 4) {
      context.fillStyle = '#ffffff';
      context.fillRect(0, 0, width, height);
    }
    context.drawImage(scaled, -cover.left, -cover.top);
    bitmap.close();
    scaled.close();
    return context.getImageData(0, 0, width, height).data;
  } catch (cause) {
    const reason = messageOf(cause).replace(/\.$/, '');
    throw new FormatError(file.name, '', `cannot be decoded: ${reason}; give PNG, JPEG or WebP`, { cause });
  }
}

/** The size that covers `wanted` with the proportions of a picture, and what is cut off at the left and at the top. */
export function coverSize(
  picture: { readonly width: number; readonly height: number },
  wanted: { readonly width: number; readonly height: number },
): { readonly width: number; readonly height: number; readonly left: number; readonly top: number } {
  const scale = Math.max(wanted.width / picture.width, wanted.height / picture.height);
  const width = Math.max(wanted.width, Math.round(picture.width * scale));
  const height = Math.max(wanted.height, Math.round(picture.height * scale));
  return {
    width,
    height,
    left: Math.floor((width - wanted.width) / 2),
    top: Math.floor((height - wanted.height) / 2),
  };
}

/** RGBA with the channels that are asked for; grey as Pillow and `tf.image.rgb_to_grayscale` have it. */
export function withChannels(rgba: Uint8ClampedArray, channels: number): Uint8Array {
  const count = rgba.length / 4;
  const result = new Uint8Array(count * channels);
  for (let pixel = 0; pixel < count; pixel++) {
    const at = 4 * pixel;
    if (channels === 1) {
      const [red = 0, green = 0, blue = 0] = [rgba[at], rgba[at + 1], rgba[at + 2]];
      result[pixel] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
    } else {
      for (let channel = 0; channel < channels; channel++) {
        result[channels * pixel + channel] = rgba[at + channel] ?? 0;
      }
    }
  }
  return result;
}
