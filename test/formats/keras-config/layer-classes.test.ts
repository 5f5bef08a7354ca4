import { describe, expect, it } from 'vitest';
import { AUGMENTATIONS } from '../../../src/formats/keras-config/layer-classes.ts';
import { buildGraph } from '../../../src/model/graph.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

describe('augmentations', () => {
  it.each([...AUGMENTATIONS])('%s does nothing in inference', (className) => {
    const model = buildModel([input('x', [8, 8, 3]), layer(className, 'augmentation')]);
    expect(model.layer('augmentation').operation).toEqual({ kind: 'identity', isRandom: true });
  });

  it.each(['RandomCrop', 'AutoContrast', 'Equalization', 'Solarization'])(
    '%s is no identity',
    (className) => {
      const model = buildModel([input('x', [8, 8, 3]), layer(className, 'other', { height: 4, width: 4 })]);
      expect(model.layer('other').operation).toEqual({ kind: 'opaque' });
    },
  );

  it('lets shapes through, as Keras does', () => {
    const names = ['RandomFlip', 'RandomRotation', 'RandomZoom'];
    const layers = names.map((name) => layer(name, name));
    const graph = buildGraph(buildModel([input('x', [8, 8, 3]), ...layers]));
    expect(graph.outputs[0]?.shape).toEqual([null, 8, 8, 3]);
  });
});
