/**
 * From the JSON of a side-car to what it says.
 *
 * @module
 */

import { FormatError } from '../../errors.ts';
import {
  inside,
  mismatch,
  type Place,
  requireItems,
  requireObject,
  requireString,
} from '../../json/place.ts';
import type { LayerStatistics } from '../../model/layer.ts';
import type { FoldedBatchNorm } from '../../primitives/batch-norm-fold.ts';
import type { Sidecar, SidecarCorrection, SidecarSkip } from './sidecar.ts';

/** The form that is written; readers refuse others. */
export const SIDECAR_VERSION = 1;

/**
 * The side-car in a parsed JSON document.
 *
 * @throws FormatError where an entry is not what it should be.
 */
export function parseSidecar(document: unknown, source: string): Sidecar {
  const top = requireObject(document, { source, where: '' });
  if (top['version'] !== SIDECAR_VERSION) {
    const found = JSON.stringify(top['version']) ?? 'none';
    throw new FormatError(
      source,
      'version',
      `${found}, where this version of Crosslayer reads ${SIDECAR_VERSION}; equalize the model again`,
    );
  }
  const at = (where: string): Place => ({ source, where });
  return {
    version: SIDECAR_VERSION,
    inputSha256: top['inputSha256'] === null ? null : hash(top['inputSha256'], at('inputSha256')),
    outputSha256: hash(top['outputSha256'], at('outputSha256')),
    folds: requireItems(top['folds'], at('folds'), fold),
    scales: new Map(
      requireItems(top['scales'], at('scales'), (value, place): [string, Float64Array] => {
        const entry = requireObject(value, place);
        return [
          requireString(entry['layer'], inside(place, 'layer')),
          numbers(entry['factors'], inside(place, 'factors')),
        ];
      }),
    ),
    statistics: new Map(requireItems(top['statistics'], at('statistics'), statistics)),
    corrections: requireItems(top['corrections'], at('corrections'), correction),
    skipped: requireItems(top['skipped'], at('skipped'), skip),
  };
}

function fold(value: unknown, place: Place): FoldedBatchNorm {
  const entry = requireObject(value, place);
  const direction = entry['direction'];
  if (direction !== 'backward' && direction !== 'forward') {
    throw mismatch(inside(place, 'direction'), 'backward or forward', direction);
  }
  return {
    layer: requireString(entry['layer'], inside(place, 'layer')),
    batchNorm: requireString(entry['batchNorm'], inside(place, 'batchNorm')),
    direction,
  };
}

function statistics(value: unknown, place: Place): [string, LayerStatistics] {
  const entry = requireObject(value, place);
  const mean = numbers(entry['mean'], inside(place, 'mean'));
  const variance = numbers(entry['variance'], inside(place, 'variance'));
  if (variance.length !== mean.length) {
    throw mismatch(inside(place, 'variance'), `${mean.length} numbers, as many as means`, entry['variance']);
  }
  const negative = variance.findIndex((one) => one < 0);
  if (negative >= 0) {
    throw mismatch(inside(place, `variance[${negative}]`), 'a number of at least 0', variance[negative]);
  }
  return [requireString(entry['layer'], inside(place, 'layer')), { mean, variance }];
}

function correction(value: unknown, place: Place): SidecarCorrection {
  const entry = requireObject(value, place);
  return {
    layer: requireString(entry['layer'], inside(place, 'layer')),
    quantizer: requireString(entry['quantizer'], inside(place, 'quantizer')),
    shift: numbers(entry['shift'], inside(place, 'shift')),
    batchNorms: requireItems(entry['batchNorms'] ?? [], inside(place, 'batchNorms'), requireString),
  };
}

function skip(value: unknown, place: Place): SidecarSkip {
  const entry = requireObject(value, place);
  return {
    code: requireString(entry['code'], inside(place, 'code')),
    layers: requireItems(entry['layers'], inside(place, 'layers'), requireString),
    message: requireString(entry['message'], inside(place, 'message')),
  };
}

function numbers(value: unknown, place: Place): Float64Array {
  return Float64Array.from(requireItems(value, place, number));
}

function number(value: unknown, place: Place): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw mismatch(place, 'a number', value);
  return value;
}

function hash(value: unknown, place: Place): string {
  const digits = requireString(value, place);
  if (!isSha256(digits)) throw mismatch(place, 'a SHA-256 in 64 hexadecimal digits', digits);
  return digits;
}

/** Whether a text is a SHA-256 in hexadecimal digits. */
export function isSha256(digits: string): boolean {
  return /^[0-9a-f]{64}$/.test(digits);
}
