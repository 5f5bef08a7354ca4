import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main as autoStepwise } from '../../examples/auto-stepwise.mjs';
import { main as idea } from '../../examples/idea.mjs';
import { main as manual } from '../../examples/manual.mjs';
import { main as webModel } from '../../examples/web-model.mjs';
import type { Model } from '../../src/model/model.ts';
import { closeModel, loadModel, saveModel } from '../../src/node.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { resnet50 } from '../support/resnet50.ts';
import { randomInputs, relativeDifference, runModel } from '../support/run-model.ts';

/** Beta is below 3 gamma everywhere, so that high-bias fold has nothing to absorb and the whole example is exact. */
const NOTHING_TO_ABSORB = { width: 4, size: 32, beta: 0.5 };

/** Fifty layers in float32, a step of 6e-8 each: they agree to 1e-6 or so. A wrong fold is off by parts in ten. */
const SAME_FUNCTION = 1e-5;

let folder = '';
let printed: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'crosslayer-examples-'));
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => printed.push(line));
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe('the ResNet50 of these tests', () => {
  it('has the layers of keras.applications where the examples count on it', () => {
    const names = resnet50(NOTHING_TO_ABSORB).layers.map(({ name }) => name);
    expect(names).toHaveLength(177);
    expect([2, 3, 7, 8, 10, 11, 13, 176].map((index) => names[index])).toEqual([
      'conv1_conv',
      'conv1_bn',
      'conv2_block1_1_conv',
      'conv2_block1_1_bn',
      'conv2_block1_2_conv',
      'conv2_block1_2_bn',
      'conv2_block1_0_conv',
      'predictions',
    ]);
  });
});

describe('examples/auto-stepwise.mjs', () => {
  it.each(['.h5', '.keras'])(
    'folds and scales a ResNet50 in a %s file, and keeps its function',
    async (ending) => {
      const [input, output] = [join(folder, `in${ending}`), join(folder, `out${ending}`)];
      const model = resnet50(NOTHING_TO_ABSORB);
      await saveModel(model, input);
      await autoStepwise(input, output);
      const result = await loadModel(output);
      expect(result.layers.filter(({ className }) => className === 'BatchNormalization')).toEqual([]);
      const inputs = randomInputs(model);
      const difference = relativeDifference(await runModel(model, inputs), await runModel(result, inputs));
      expect(difference).toBeLessThan(SAME_FUNCTION);
      closeModel(result);
      // Each block scales 1 with 2 and 2 with 3; conv1 is followed by pooling.
      expect(printed).toEqual([
        '0 ReLU6 replaced',
        '53 batch norms folded',
        '32 sets scaled',
        `written to ${output}`,
      ]);
    },
  );
});

describe('examples/manual.mjs', () => {
  it('folds three batch norms and scales two sets, and keeps the function', async () => {
    const [input, output] = [join(folder, 'in.h5'), join(folder, 'out.h5')];
    const model = resnet50(NOTHING_TO_ABSORB);
    await saveModel(model, input);
    await manual(input, output);
    const result = await loadModel(output);
    expect(result.layers).toHaveLength(177 - 3);
    const inputs = randomInputs(model);
    const difference = relativeDifference(await runModel(model, inputs), await runModel(result, inputs));
    expect(difference).toBeLessThan(SAME_FUNCTION);
    closeModel(result);
    expect(printed).toEqual([
      'folded conv1_bn into conv1_conv',
      'folded conv2_block1_1_bn into conv2_block1_1_conv',
      'folded conv2_block1_2_bn into conv2_block1_2_conv',
      'scaled conv1_conv, conv2_block1_1_conv',
      'scaled conv2_block1_1_conv, conv2_block1_2_conv',
      `written to ${output}`,
    ]);
  });

  it('absorbs the high bias of conv1 into both of its readers, exactly where its output stays above', async () => {
    const [input, output] = [join(folder, 'in.h5'), join(folder, 'out.h5')];
    const model = resnet50(NOTHING_TO_ABSORB);
    const [conv1, bn1] = [model.layer('conv1_conv'), model.layer('conv1_bn')];
    // conv1 writes its beta of 4, plus or minus little: always more than the 4 - 3 that is absorbed.
    const channels = NOTHING_TO_ABSORB.width;
    const fill = (value: number): Tensor =>
      Tensor.fromNumbers('float32', [channels], new Array<number>(channels).fill(value));
    conv1.setWeight('kernel', conv1.requireWeight('kernel').scaled('columns', fill(1e-3).toFloat64()));
    conv1.setWeight('bias', fill(0));
    bn1.setWeight('movingMean', fill(0));
    bn1.setWeight('beta', fill(4));
    await saveModel(model, input);
    await manual(input, output);
    const result = await loadModel(output);
    const absorbing = ['conv1_conv', 'conv2_block1_1_conv', 'conv2_block1_0_conv'];
    for (const name of absorbing) {
      const bias = (one: Model): Float64Array => one.layer(name).requireWeight('bias').toFloat64();
      expect(bias(result)).not.toEqual(bias(model));
    }
    const inputs = randomInputs(model);
    const difference = relativeDifference(await runModel(model, inputs), await runModel(result, inputs));
    expect(difference).toBeLessThan(SAME_FUNCTION);
    closeModel(result);
  });
});

describe('examples/web-model.mjs', () => {
  it('writes a TF.js model of 8 bits and tells what it keeps', async () => {
    const example = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;
    const output = join(folder, 'web-model');
    await webModel(example, output, 50);
    const written = await loadModel(output);
    expect(written.layer('Conv1').requireWeight('kernel').packed?.packing.dtype).toBe('uint8');
    expect(printed.slice(0, 2).sort()).toEqual([
      expect.stringMatching(/^cancelling: \d+\.\d dB$/),
      expect.stringMatching(/^nearest: \d+\.\d dB$/),
    ]);
    expect(printed.slice(2)).toEqual([
      expect.stringMatching(/^original: accuracy \d+\.00 %, same class 100\.00 %/),
      expect.stringMatching(/web-model: accuracy \d+\.00 %, same class (9\d|100)\.00 %, SQNR [34]\d\.\d dB$/),
    ]);
  });
});

describe('examples/idea.mjs', () => {
  it('draws the picture of README', async () => {
    const out = join(folder, 'idea.svg');
    await idea('examples/fashion-mobilenetv2.keras', out);
    const [drawn, shown] = [out, 'docs/idea.svg'].map((name) => readFileSync(name, 'utf8'));
    const label = (text = ''): string | undefined => /aria-label="([^"]+)"/.exec(text)?.[1];
    expect(label(drawn)).toBe(label(shown));
    const told = / use (\d+) of 256 numbers or fewer; equalized, half use (\d+) or more$/.exec(
      label(shown) ?? '',
    );
    expect(readFileSync('README.md', 'utf8')).toContain(
      `half of its channels have ${told?.[1]} of 256 numbers or fewer. Equalized, half have ${told?.[2]} or more.`,
    );
  });
});
