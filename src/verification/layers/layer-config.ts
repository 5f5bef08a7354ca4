/**
 * Entries of a layer's configuration, which tfjs-layers hands over with its keys and texts in camelCase.
 *
 * @module
 */

import { UnsupportedModelError } from '../../errors.ts';
import { ownEntry } from '../../json/value.ts';

/** The configuration of a layer as tfjs-layers hands it to a class: `data_format: 'channels_last'` is `dataFormat: 'channelsLast'`. */
export type LayerConfig = Readonly<Record<string, unknown>>;

/** A shape with the batch first; null where a size is not known. */
export type OpenShape = (number | null)[];

/** The number under `key`, or `fallback` where there is none. */
export function numberIn(config: LayerConfig, key: string, fallback: number): number {
  const value = ownEntry(config, key);
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'number') throw wrong(key, value, 'a number');
  return value;
}

/** The numbers under `key`: a list, one number for a list of it, or `fallback`. */
export function numbersIn(config: LayerConfig, key: string, fallback: readonly number[]): number[] {
  const value = ownEntry(config, key);
  if (value === undefined || value === null) return [...fallback];
  const list: unknown[] = [value].flat(Number.POSITIVE_INFINITY);
  if (!list.every((one) => typeof one === 'number')) throw wrong(key, value, 'numbers');
  return list;
}

/** A number for each of `rank` axes, from one for all or a list. */
export function sizesIn(config: LayerConfig, key: string, rank: number, fallback: number): number[] {
  const list = numbersIn(config, key, [fallback]);
  if (list.length === 1) return Array<number>(rank).fill(list[0] as number);
  if (list.length !== rank) throw wrong(key, ownEntry(config, key), `${rank} numbers`);
  return list;
}

/** `[before, after]` for each of `rank` axes, from a number, a number each, or pairs. */
export function sidesIn(
  config: LayerConfig,
  key: string,
  rank: number,
  fallback: number,
): [number, number][] {
  const list = numbersIn(config, key, [fallback]);
  if (list.length === 2 * rank) {
    return Array.from({ length: rank }, (_, axis) => [
      list[2 * axis] as number,
      list[2 * axis + 1] as number,
    ]);
  }
  return sizesIn(config, key, rank, fallback).map((size) => [size, size]);
}

/** Whether the entry is true, or `fallback` where there is none. */
export function flagIn(config: LayerConfig, key: string, fallback: boolean): boolean {
  const value = ownEntry(config, key);
  return typeof value === 'boolean' ? value : fallback;
}

/** The text under `key`, or `fallback`. */
export function textIn(config: LayerConfig, key: string, fallback: string): string {
  const value = ownEntry(config, key);
  return typeof value === 'string' ? value : fallback;
}

/** Whether the channels of a layer's tensors stand before the spatial axes. */
export function isChannelsFirst(config: LayerConfig): boolean {
  return config['dataFormat'] === 'channelsFirst';
}

/** `axis` counted from the front. */
export function fromFront(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

/** The axes of a configuration, counted from the front and in order. */
export function axesOf(axes: readonly number[], rank: number): number[] {
  return axes.map((axis) => fromFront(axis, rank)).sort((one, other) => one - other);
}

/** The sizes of a shape at the axes, and 1 elsewhere. */
export function sizesAt(shape: readonly (number | null)[], axes: readonly number[]): number[] {
  return shape.map((size, axis) => (axes.includes(axis) ? (size ?? 1) : 1));
}

function wrong(key: string, value: unknown, expected: string): UnsupportedModelError {
  return new UnsupportedModelError(key, `${key} is ${JSON.stringify(value)}; ${expected} can be run`);
}
