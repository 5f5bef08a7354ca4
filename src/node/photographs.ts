/**
 * Photographs on disk, as pixels of one size; decoded by sharp, which is loaded when the first one is read.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import type Sharp from 'sharp';
import { CannotRunError, FormatError, LimitError, messageOf, UnsupportedModelError } from '../errors.ts';
import type { ByteSource } from '../formats/bytes.ts';
import { MAX_ARRAY_BYTES } from '../formats/limits.ts';
import { stageOf, type WatchOptions } from '../model/progress.ts';

/** Photographs of one size. */
export interface Photographs {
  /** `[samples, height, width, channels]`, 0..255. */
  readonly pixels: Uint8Array;
  readonly shape: readonly [number, number, number, number];
}

/** The size that photographs are brought to. */
export interface PhotographSize {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3 | 4;
}

const ENDINGS: ReadonlySet<string> = new Set(['.png', '.jpg', '.jpeg', '.webp']);

/** Whether `source` begins as a PNG, JPEG or WebP does. */
export function isPhotograph(source: ByteSource): boolean {
  const head = new Uint8Array(12);
  source.read(0, head);
  const text = String.fromCharCode(...head);
  return text.startsWith('\x89PNG') || text.startsWith('\xff\xd8\xff') || /^RIFF.{4}WEBP/s.test(text);
}

/**
 * The photographs in a folder, by their endings, in the order of their names; folders in it are not looked into.
 *
 * @throws FormatError where it cannot be read; UnsupportedModelError where there are none.
 */
export function photographsIn(folder: string): string[] {
  let names: string[];
  try {
    names = fs.readdirSync(folder);
  } catch (cause) {
    throw new FormatError(folder, '', `the folder cannot be read: ${messageOf(cause)}`, { cause });
  }
  const found = names.filter((name) => ENDINGS.has(path.extname(name).toLowerCase())).sort();
  if (found.length === 0) {
    const reason = `${folder}: no PNG, JPEG or WebP in this folder; name another folder, or a .npy or .npz file`;
    throw new UnsupportedModelError('inputs', reason);
  }
  return found.map((name) => path.join(folder, name));
}

/**
 * Reads photographs, upright as their EXIF says, scaled to cover `size` and cut to it around the middle; what is
 * transparent lies on white, unless the model takes four channels.
 *
 * @throws CannotRunError where sharp is not installed; FormatError where one is damaged; LimitError where they are too
 * many for memory.
 */
export async function readPhotographs(
  names: readonly string[],
  size: PhotographSize,
  options: WatchOptions = {},
): Promise<Photographs> {
  const { height, width, channels } = size;
  const each = height * width * channels;
  // What comes of them is in float32.
  const bytes = 4 * each * names.length;
  if (bytes > MAX_ARRAY_BYTES) {
    const advice = 'use fewer (--samples)';
    throw new LimitError(`bytes of ${names.length} photographs`, bytes, MAX_ARRAY_BYTES, advice);
  }
  const sharp = await loadSharp();
  const pixels = new Uint8Array(each * names.length);
  const tell = stageOf(options, 'inputs');
  for (const [index, name] of names.entries()) {
    tell(index, names.length);
    pixels.set(await decode(sharp, name, size), index * each);
  }
  tell(names.length, names.length);
  return { pixels, shape: [names.length, height, width, channels] };
}

async function loadSharp(): Promise<typeof Sharp> {
  try {
    return (await import('sharp')).default;
  } catch (cause) {
    const reason = 'photographs are decoded by the package sharp, which cannot be loaded: npm install sharp';
    throw new CannotRunError('', reason, { cause });
  }
}

async function decode(sharp: typeof Sharp, name: string, size: PhotographSize): Promise<Uint8Array> {
  const { height, width, channels } = size;
  try {
    const upright = sharp(name, { failOn: 'error' }).autoOrient().resize(width, height, { fit: 'cover' });
    const opaque =
      channels === 4 ? upright.ensureAlpha() : upright.flatten({ background: '#ffffff' }).removeAlpha();
    const coloured = opaque.toColourspace('srgb').raw({ depth: 'uchar' });
    const { data, info } = await coloured.toBuffer({ resolveWithObject: true });
    const decoded = Math.max(3, channels);
    if (data.length !== height * width * decoded) {
      throw new Error(`${info.channels} channels where ${decoded} were asked for`);
    }
    return channels === 1 ? greyOf(data) : data;
  } catch (cause) {
    const reason = `cannot be decoded: ${messageOf(cause).trim()}; open it and save it anew`;
    throw new FormatError(name, '', reason, { cause });
  }
}

/** As Pillow and `tf.image.rgb_to_grayscale` have it, which models were trained with; sharp's is of linear light. */
function greyOf(rgb: Uint8Array): Uint8Array {
  const grey = new Uint8Array(rgb.length / 3);
  for (let pixel = 0, at = 0; pixel < grey.length; pixel++, at += 3) {
    grey[pixel] = Math.round(
      0.299 * (rgb[at] ?? 0) + 0.587 * (rgb[at + 1] ?? 0) + 0.114 * (rgb[at + 2] ?? 0),
    );
  }
  return grey;
}
