import { describe, expect, it } from 'vitest';
import { layerArguments } from '../../../../src/formats/keras-config/parse/first-argument.ts';
import { readModel } from '../../../../src/formats/read.ts';
import type { Call } from '../../../../src/model/model.ts';
import { fixtureBytes } from '../../../support/format-fixtures.ts';

const tensor = (index: number) => ({ tensor: index });
const value = (of: boolean | number) => ({ value: of });

describe('arguments of a call', () => {
  it.each([
    ['Conv2D', { inputs: tensor(0) }, [tensor(0)], {}],
    ['Add', { inputs: { list: [tensor(0), tensor(1)] } }, [{ list: [tensor(0), tensor(1)] }], {}],
    [
      'BatchNormalization',
      { training: value(true), inputs: tensor(0) },
      [tensor(0)],
      { training: value(true) },
    ],
    ['LSTM', { sequences: tensor(0), mask: tensor(1) }, [tensor(0)], { mask: tensor(1) }],
    ['MultiHeadAttention', { value: tensor(0), query: tensor(1) }, [tensor(1)], { value: tensor(0) }],
    // Whatever a class of its own calls it.
    ['Mine', { picture: tensor(0), strength: value(2) }, [tensor(0)], { strength: value(2) }],
    ['Mine', { left: tensor(0), right: tensor(1) }, [], { left: tensor(0), right: tensor(1) }],
  ])('%s by keyword: %o', (className, kwargs, args, others) => {
    expect(layerArguments(className, { args: [], kwargs })).toEqual({ args, kwargs: others });
  });

  it.each([
    ['MultiHeadAttention', [tensor(0), tensor(1)], [tensor(0)], { value: tensor(1) }],
    ['BatchNormalization', [tensor(0), value(false)], [tensor(0)], { training: value(false) }],
    ['Functional', [tensor(0), value(true)], [tensor(0)], { training: value(true) }],
    ['Mine', [tensor(0), tensor(1)], [tensor(0), tensor(1)], {}],
  ])('%s by place: %o', (className, args, first, named) => {
    expect(layerArguments(className, { args, kwargs: {} })).toEqual({ args: first, kwargs: named });
  });
});

describe('a file of layers that were called by keyword', () => {
  const callOf = async (file: string, name: string): Promise<Call | undefined> =>
    (await readModel(fixtureBytes(file), file)).calls.find(({ layer }) => layer.name === name);

  it.each(['keras-3.15.1/keywords.keras', 'tfkeras-2.15/keywords.h5'])('%s', async (file) => {
    expect((await callOf(file, 'conv1'))?.args).toEqual([tensor(0)]);
    expect((await callOf(file, 'sum'))?.args).toEqual([{ list: [tensor(0), tensor(1)] }]);
    const norm = await callOf(file, 'bn2');
    expect([norm?.args, norm?.kwargs['training']]).toEqual([[tensor(0)], value(false)]);
  });
});
