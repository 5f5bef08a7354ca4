import { expect, it } from 'vitest';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

// TF.js makes names of variables and keys of plain objects of them; Keras 3 takes all that have no slash.
const names = ['Conv 1', '层é', '_conv', 'a;b "q"', 'a\u001b[31m\n', '__proto__', 'constructor', 'input_0'];
for (const name of [...names, 'solo_layer']) {
  it(`runs a layer with the name ${JSON.stringify(name)}`, async () => {
    const model = buildModel([
      input('x', [2]),
      layer('Dense', name, { units: 1 }, { weights: { kernel: [2, -3], bias: [10] } }),
    ]);
    const runner = await TfjsRunner.create({ backend: 'cpu' });
    const [output] = await runner.run(model, [Tensor.fromNumbers('float32', [1, 2], [1, 5])]);
    expect(output?.toFloat64()).toEqual(Float64Array.of(-3));
  });
}
