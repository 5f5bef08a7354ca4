import { describe, expect, test } from 'vitest';
import { CannotRunError } from '../../../src/errors.ts';
import { memoryFiles } from '../../../src/formats/read.ts';
import { writeModelToMemory } from '../../../src/formats/write.ts';
import type { Model } from '../../../src/model/model.ts';
import { runWithTfjs } from '../../../src/verification/run/run-with-tfjs.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';
import { randomInputs } from '../../support/run-model.ts';

const backend = 'cpu';

async function filesOf(model: Model): Promise<Map<string, Uint8Array>> {
  return new Map((await writeModelToMemory(model, { format: 'tfjs-layers' })).files);
}

describe('runWithTfjs', () => {
  test('computes what the files say, batch by batch, for each output', async () => {
    const model = buildModel(
      [
        input('x', [6, 6, 2]),
        layer('Conv2D', 'conv', { filters: 3, kernel_size: 3, activation: 'relu' }),
        layer('GlobalAveragePooling2D', 'pool'),
      ],
      { outputs: ['conv', 'pool'] },
    );
    const [one] = randomInputs(model);
    if (!one) throw new Error('no input');
    const files = memoryFiles(await filesOf(model), 'model.json');
    const runner = await TfjsRunner.create({ backend });
    const expected = await runner.run(model, [one]);
    for (const batchSize of [1, 3, 100]) {
      const outputs = await runWithTfjs(files, [one], { backend, batchSize });
      expect(outputs.map(({ shape }) => shape)).toEqual(expected.map(({ shape }) => shape));
      for (const [index, output] of outputs.entries()) {
        const wanted = [...(expected[index]?.values() ?? [])].map(Number);
        // The same kernels of TF.js in the same order; only sums over batches may differ.
        for (const [at, value] of [...output.values()].entries()) {
          expect(Number(value)).toBeCloseTo(wanted[at] ?? Number.NaN, 5);
        }
      }
    }
  });

  test('a layer that TF.js has no class for is an error with what it says', async () => {
    const model = buildModel([input('x', [4]), layer('Dense', 'dense', { units: 2 })]);
    const files = await filesOf(model);
    const text = new TextDecoder().decode(files.get('model.json')).replace('"Dense"', '"Sparse"');
    const edited = memoryFiles(
      new Map([...files, ['model.json', new TextEncoder().encode(text)]]),
      'model.json',
    );
    const run = runWithTfjs(edited, randomInputs(model), { backend });
    await expect(run).rejects.toThrow(CannotRunError);
    // TF.js goes on with a list of what may be wrong in a program.
    await expect(run).rejects.toThrow(/^TF\.js does not open model\.json: Unknown layer: Sparse\.$/);
  });
});
