/**
 * From the JSON of a side-car to what it says.
 *
 * @module
 */

import { FormatError } from '../../errors.ts';
import type { LayerStatistics } from '../../model/layer.ts';
import type { Sidecar, SidecarCorrection, SidecarFold, SidecarSkip } from './sidecar.ts';

/** The form that is written; readers refuse others. */
export const SIDECAR_VERSION = 1;

/** An entry, and where it stands. */
interface Place {
  readonly source: string;
  readonly where: string;
}

/**
 * The side-car in a parsed JSON document.
 *
 * @throws FormatError where an entry is not what it should be.
 */
export function parseSidecar(document: unknown, source: string): Sidecar {
  const top = record(document, { source, where: '' });
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
    folds: list(top['folds'], at('folds'), fold),
    scales: new Map(
      list(top['scales'], at('scales'), (value, place): [string, Float64Array] => {
        const entry = record(value, place);
        return [
          text(entry['layer'], inside(place, 'layer')),
          numbers(entry['factors'], inside(place, 'factors')),
        ];
      }),
    ),
    statistics: new Map(list(top['statistics'], at('statistics'), statistics)),
    corrections: list(top['corrections'], at('corrections'), correction),
    skipped: list(top['skipped'], at('skipped'), skip),
  };
}

function fold(value: unknown, place: Place): SidecarFold {
  const entry = record(value, place);
  const direction = entry['direction'];
  if (direction !== 'backward' && direction !== 'forward') {
    throw mismatch(inside(place, 'direction'), 'backward or forward', direction);
  }
  return {
    layer: text(entry['layer'], inside(place, 'layer')),
    batchNorm: text(entry['batchNorm'], inside(place, 'batchNorm')),
    direction,
  };
}

function statistics(value: unknown, place: Place): [string, LayerStatistics] {
  const entry = record(value, place);
  const mean = numbers(entry['mean'], inside(place, 'mean'));
  const variance = numbers(entry['variance'], inside(place, 'variance'));
  if (variance.length !== mean.length) {
    throw mismatch(inside(place, 'variance'), `${mean.length} numbers, as many as means`, entry['variance']);
  }
  const negative = variance.findIndex((one) => one < 0);
  if (negative >= 0) {
    throw mismatch(inside(place, `variance[${negative}]`), 'a number of at least 0', variance[negative]);
  }
  return [text(entry['layer'], inside(place, 'layer')), { mean, variance }];
}

function correction(value: unknown, place: Place): SidecarCorrection {
  const entry = record(value, place);
  return {
    layer: text(entry['layer'], inside(place, 'layer')),
    quantizer: text(entry['quantizer'], inside(place, 'quantizer')),
    shift: numbers(entry['shift'], inside(place, 'shift')),
  };
}

function skip(value: unknown, place: Place): SidecarSkip {
  const entry = record(value, place);
  return {
    code: text(entry['code'], inside(place, 'code')),
    layers: list(entry['layers'], inside(place, 'layers'), text),
    message: text(entry['message'], inside(place, 'message')),
  };
}

function record(value: unknown, place: Place): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw mismatch(place, 'an object', value);
  }
  return value as Record<string, unknown>;
}

function list<Item>(value: unknown, place: Place, parse: (value: unknown, place: Place) => Item): Item[] {
  if (!Array.isArray(value)) throw mismatch(place, 'a list', value);
  return value.map((one, index) => parse(one, { ...place, where: `${place.where}[${index}]` }));
}

function numbers(value: unknown, place: Place): Float64Array {
  if (!Array.isArray(value)) throw mismatch(place, 'a list of numbers', value);
  const wrong = value.findIndex((one) => typeof one !== 'number' || !Number.isFinite(one));
  if (wrong >= 0) throw mismatch({ ...place, where: `${place.where}[${wrong}]` }, 'a number', value[wrong]);
  return Float64Array.from(value);
}

function text(value: unknown, place: Place): string {
  if (typeof value !== 'string') throw mismatch(place, 'a text', value);
  return value;
}

function hash(value: unknown, place: Place): string {
  const digits = text(value, place);
  if (!isSha256(digits)) throw mismatch(place, 'a SHA-256 in 64 hexadecimal digits', digits);
  return digits;
}

/** Whether a text is a SHA-256 in hexadecimal digits. */
export function isSha256(digits: string): boolean {
  return /^[0-9a-f]{64}$/.test(digits);
}

function inside(place: Place, key: string): Place {
  return { ...place, where: place.where === '' ? key : `${place.where}.${key}` };
}

function mismatch({ source, where }: Place, expected: string, found: unknown): FormatError {
  const shown = (JSON.stringify(found) ?? 'nothing').slice(0, 60);
  return new FormatError(source, where, `expected ${expected}, found ${shown}`);
}
