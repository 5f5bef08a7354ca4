import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/json/value.ts';
import { buildGraph, type GraphCall } from '../../src/model/graph.ts';
import { inInference } from '../../src/model/in-inference.ts';
import type { Call, Dialect, Model } from '../../src/model/model.ts';
import {
  changesNothing,
  trainingEffect,
  trainingNotes,
  usesBatchStatistics,
} from '../../src/model/training.ts';
import { buildModel, input, type LayerSpec, layer, nested } from '../support/model-builder.ts';
import { TRAINING_VERSIONS, trainingModel } from '../support/training-models.ts';

function callsOf(model: Model): Map<string, GraphCall> {
  return new Map(buildGraph(model).calls.map((call) => [call.path, call]));
}

const TRAINING = { kwargs: { training: true } };
const x = input('x', [4]);

/** Of a batch norm in a nested model: its own argument, and that of the model around it. */
function isTraining(dialect: Dialect, own: JsonObject, outer: JsonObject): boolean | undefined {
  const body = [input('in', [4]), layer('BatchNormalization', 'bn', {}, { kwargs: own })];
  const model = buildModel([x, nested('body', body, { kwargs: outer })]);
  const inner = model.layer('body').model as Model;
  inner.dialect = dialect;
  return callsOf(model).get('body/bn')?.isTraining;
}

describe('isTraining of a call', () => {
  it.each<[JsonObject, JsonObject, boolean, boolean]>([
    [{}, {}, false, false],
    [{ training: null }, { training: null }, false, false],
    [{ training: true }, {}, true, true],
    [{}, { training: true }, true, true],
    // Keras 3 writes False for a Dropout that nobody gave the argument.
    [{ training: false }, { training: true }, false, true],
    [{ training: true }, { training: false }, true, false],
  ])('own %j in a nested model called with %j: %s in Keras 2, %s in Keras 3', (own, outer, two, three) => {
    expect(isTraining('keras2', own, outer)).toBe(two);
    expect(isTraining('keras3', own, outer)).toBe(three);
  });

  it('is also given by position, where that is the place of it', () => {
    const model = buildModel([x, layer('BatchNormalization', 'bn'), layer('Custom', 'odd')]);
    for (const name of ['bn', 'odd']) {
      const call = model.calls.find((one) => one.layer.name === name);
      if (call) call.args = [{ tensor: 0 }, { value: true }];
    }
    expect(callsOf(model).get('bn')?.isTraining).toBe(true);
    expect(callsOf(model).get('odd')?.isTraining).toBe(false);
  });

  it.each(TRAINING_VERSIONS)('is handed on to what is inside, in a file of %s', (version) => {
    const calls = [...callsOf(trainingModel(version)).values()].filter(({ path }) => path !== 'x');
    expect(calls.map((call) => call.isTraining)).toEqual(calls.map(() => true));
    expect(calls.filter(usesBatchStatistics).map(({ path }) => path)).toEqual(['body/bn1']);
    expect(calls.map((call) => [call.path, trainingEffect(call)]).filter(([, effect]) => effect)).toEqual([
      ['body/bn1', 'batch statistics'],
      ['body/drop', 'chance'],
    ]);
  });
});

describe('what training mode changes', () => {
  const effectOf = (spec: LayerSpec): readonly unknown[] => {
    const call = callsOf(buildModel([input('x', [4, 4]), spec])).get('a');
    return call ? [changesNothing(call), trainingEffect(call)] : [];
  };

  it.each<[string, LayerSpec, unknown]>([
    ['a frozen batch norm', layer('BatchNormalization', 'a', { trainable: false }, TRAINING), undefined],
    ['a frozen Dropout', layer('Dropout', 'a', { rate: 0.5, trainable: false }, TRAINING), 'chance'],
    ['a Dropout of nothing', layer('Dropout', 'a', { rate: 0 }, TRAINING), undefined],
    ['a Dropout in inference', layer('Dropout', 'a', { rate: 0.5 }), undefined],
    ['GaussianNoise', layer('GaussianNoise', 'a', { stddev: 1 }, TRAINING), 'chance'],
    ['ActivityRegularization', layer('ActivityRegularization', 'a', {}, TRAINING), undefined],
    ['ReLU', layer('ReLU', 'a', {}, TRAINING), undefined],
    ['LSTM', layer('LSTM', 'a', { units: 2, dropout: 0, recurrent_dropout: 0 }, TRAINING), undefined],
    ['LSTM with dropout', layer('LSTM', 'a', { units: 2, dropout: 0.1 }, TRAINING), 'chance'],
    ['a wrapped batch norm', wrapped('BatchNormalization', {}), 'batch statistics'],
    ['a wrapped batch norm that is frozen', wrapped('BatchNormalization', { trainable: false }), undefined],
    ['a wrapped Dropout', wrapped('Dropout', { rate: 0.5 }), 'chance'],
    ['RandomCrop', layer('RandomCrop', 'a', { height: 2, width: 2 }, TRAINING), 'chance'],
  ])('of %s', (_, spec, effect) => {
    const [isPassed, found] = effectOf(spec);
    expect(found).toBe(effect);
    if (effect !== undefined) expect(isPassed).toBe(false);
  });

  function wrapped(className: string, config: JsonObject): LayerSpec {
    return layer(
      'TimeDistributed',
      'a',
      { layer: { class_name: className, config: { name: 'in', ...config } } },
      TRAINING,
    );
  }
});

describe('inInference', () => {
  it('takes the mode of all calls away, also where it is given by position or inside', () => {
    const body = [input('in', [4]), layer('BatchNormalization', 'inner', {}, TRAINING)];
    const model = buildModel([x, layer('BatchNormalization', 'bn'), nested('body', body)]);
    const bn = model.calls.find((one) => one.layer.name === 'bn') as Call;
    bn.args = [{ tensor: 0 }, { value: true }];
    expect(callsOf(model).get('bn')?.isTraining).toBe(true);
    expect([...callsOf(inInference(model)).values()].filter((call) => call.isTraining)).toEqual([]);
    expect(callsOf(model).get('bn')?.isTraining).toBe(true);
  });

  it.each(TRAINING_VERSIONS)(
    'refuses statistics that inference cannot use, and notes name them, in a file of %s',
    (version) => {
      const model = trainingModel(version);
      expect(() => inInference(model)).toThrow(
        'body/bn1: movingVariance, channel 1, is not finite, and in inference mode it normalizes by its stored statistics; train the layer again',
      );
      expect(trainingNotes(buildGraph(model), 'TF.js')[0]).toBe(
        'body/bn1 (BatchNormalization): called in training mode, in which it normalizes by the batch; TF.js runs it in inference mode, by its stored statistics, of which movingVariance, channel 1, is not finite',
      );
    },
  );
});
