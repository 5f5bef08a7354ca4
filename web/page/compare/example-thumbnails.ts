/**
 * The pictures of the example, out of its archive.
 *
 * @module
 */

import { memorySource, type Tensor } from 'crosslayer';
import { openNpz } from 'crosslayer/verification';
import { element } from '../dom.ts';
import type { Thumbnails } from './thumbnails.ts';

const ADDRESS = './example/fashion-mobilenetv2.keras.samples.npz';

/** Reads the pictures, which lie beside the page. */
export async function exampleThumbnails(): Promise<Thumbnails> {
  const response = await fetch(ADDRESS);
  if (!response.ok) throw new TypeError(`${ADDRESS} is not there`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const images = await (await openNpz(memorySource('samples', bytes))).read('images');
  return { of: (index) => canvasOf(images, index), dispose: () => {} };
}

/** Draws a picture; grey ones have one channel or none. */
function canvasOf(images: Tensor, index: number): HTMLCanvasElement | undefined {
  const [count = 0, height = 0, width = 0, channels = 1] = images.shape;
  if (index >= count) return undefined;
  const canvas = element('canvas', { width, height, class: 'thumbnail', 'aria-hidden': 'true' });
  const context = canvas.getContext('2d');
  if (!context) return undefined;
  const values = images.values();
  const pixels = new ImageData(width, height);
  const start = index * height * width * channels;
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let colour = 0; colour < 3; colour++) {
      pixels.data[4 * pixel + colour] = Number(
        values[start + pixel * channels + Math.min(colour, channels - 1)],
      );
    }
    pixels.data[4 * pixel + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}
