import { describe, expect, it } from 'vitest';
import { loadModel } from '../../src/node.ts';
import { modelMap } from '../../src/report/model-map.ts';

const fixture = (name: string): string => new URL(`../fixtures/formats/${name}`, import.meta.url).pathname;
const example = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;

describe('modelMap', () => {
  it.each([
    'keras-3.15.1/functional.keras',
    'keras-3.15.1/nested.keras',
    'keras-3.15.1/multi.keras',
    'tfkeras-2.15/sequential.keras',
    'tfjs/nested',
  ])('%s: rows in order, each reading from rows above it', async (name) => {
    const model = await loadModel(fixture(name));
    const map = modelMap(model, new Map());
    expect(new Set(map.map(({ layer }) => layer)).size).toBe(map.length);
    for (const [index, { reads }] of map.entries()) {
      for (const row of reads) expect(row).toBeLessThan(index);
    }
    // All but inputs, or the first layer of a Sequential without one, read something.
    const starts = map.filter(({ reads }) => reads.length === 0);
    expect(starts).toHaveLength(model.inputs.length);
    const parameters = map.reduce((sum, row) => sum + row.parameters, 0);
    expect(parameters).toBe(model.parameterCount);
  });

  it('has shapes and spreads in its rows', async () => {
    const model = await loadModel(example);
    const map = modelMap(model, new Map([['Conv1', 3.5]]));
    expect(map.find(({ layer }) => layer === 'Conv1')).toEqual({
      layer: 'Conv1',
      className: 'Conv2D',
      shape: '16 x 16 x 16',
      parameters: 9 * 16,
      spread: 3.5,
      reads: [0],
    });
    expect(map[0]).toMatchObject({ shape: '32 x 32 x 1', spread: null, parameters: 0 });
    expect(map.filter(({ reads }) => reads.length === 2).length).toBeGreaterThan(5);
  });
});
