import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as aimet from '../src/aimet.ts';
import * as index from '../src/index.ts';

const ENTRIES = ['index', 'aimet', 'quantization', 'verification', 'report'] as const;

/** All names that an entry exports, types too, as its text has them. */
function namesOf(entry: string): string[] {
  const text = readFileSync(join(import.meta.dirname, `../src/${entry}.ts`), 'utf8');
  return [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== ''),
  );
}

it('has what a newcomer needs at the front door, and no more', () => {
  expect(Object.keys(index).sort()).toEqual([
    'CannotRunError',
    'CrosslayerError',
    'FormatError',
    'InvalidModelError',
    'Layer',
    'LimitError',
    'Model',
    'OutputError',
    'RELU6_POLICIES',
    'TARGETS',
    'Tensor',
    'TfjsRunner',
    'UnsupportedModelError',
    'describeSkip',
    'equalize',
    'memoryFiles',
    'memorySource',
    'modelFilesAmong',
    'quantize',
    'readModel',
    'releaseModel',
    'seededInputs',
    'verify',
    'writeModel',
    'writeModelToMemory',
    'writeTflite',
    'zipFiles',
  ]);
  expect(namesOf('index').length).toBeLessThanOrEqual(48);
});

it('has the reference API under the names of the reference', () => {
  expect(Object.keys(aimet)).toEqual(
    expect.arrayContaining([
      'ClsSetInfo',
      'ClsSetLayerPairInfo',
      'CrossLayerScaling',
      'HighBiasFold',
      'QuantizationSimModel',
      'equalizeBnFoldedModel',
      'equalizeModel',
      'foldAllBatchNorms',
      'foldGivenBatchNorms',
      'replaceRelu6WithRelu',
    ]),
  );
});

it('has every name in one entry', () => {
  const entryOf = new Map<string, string>();
  for (const entry of ENTRIES) {
    for (const name of namesOf(entry)) {
      expect(`${name} in ${entryOf.get(name) ?? entry}`).toBe(`${name} in ${entry}`);
      entryOf.set(name, entry);
    }
  }
  expect(entryOf.size).toBeGreaterThan(100);
});
