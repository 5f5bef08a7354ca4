import { expect, it, vi } from 'vitest';
import { UnsupportedModelError } from '../../src/errors.ts';
import { damageReport } from '../../src/report/layer-damage.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const equalize = vi.hoisted(() => vi.fn());
vi.mock('../../src/equalization/equalize.ts', () => ({ equalize }));

const model = buildModel([input('x', [4]), layer('Dense', 'a', { units: 2 })]);

it('a model that cannot be equalized has what it is before, and the reason', async () => {
  equalize.mockRejectedValue(new UnsupportedModelError('a loop', 'the model has a loop'));
  const { layers, improvementDb, notes } = await damageReport(model);
  expect(layers).toMatchObject([{ layer: 'a', before: { share: 1 }, after: null }]);
  expect(improvementDb).toBeNull();
  expect(notes[0]).toMatch(/^not equalized: .*loop/);
});

it('a bug is no reason', async () => {
  equalize.mockRejectedValue(new TypeError('no such thing'));
  await expect(damageReport(model)).rejects.toThrow(TypeError);
});
