import { describe, expect, it } from 'vitest';
import { InvalidModelError } from '../../src/errors.ts';
import { buildGraph, type GraphCall, type GraphTensor } from '../../src/model/graph.ts';
import { buildModel, buildSequential, input, layer, nested } from '../support/model-builder.ts';

const paths = (calls: readonly GraphCall[]): string[] => calls.map(({ path }) => path);
const producer = (tensor: GraphTensor | undefined): string | undefined => tensor?.producer?.path;

describe('buildGraph', () => {
  it('connects a branching model and marks its ends', () => {
    const graph = buildGraph(
      buildModel(
        [
          input('x', [4, 4, 2]),
          layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
          layer('ReLU', 'relu'),
          layer('Add', 'add', {}, { from: ['relu', 'x'] }),
        ],
        { outputs: ['add', 'relu'] },
      ),
    );
    expect(paths(graph.calls)).toEqual(['x', 'conv', 'relu', 'add']);
    const [x, conv, relu, add] = graph.calls;
    expect(paths(x?.output().consumers ?? [])).toEqual(['conv', 'add']);
    expect(conv?.input).toBe(x?.output());
    expect(add?.input).toBeUndefined();
    expect(add?.inputs.map(producer)).toEqual(['relu', 'x']);
    expect(graph.outputs.map(producer)).toEqual(['add', 'relu']);
    expect([x, conv, relu, add].map((call) => call?.output().isModelInput)).toEqual([
      true,
      false,
      false,
      false,
    ]);
    expect([x, conv, relu, add].map((call) => call?.output().isModelOutput)).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  it('lists a reader twice that reads a tensor twice', () => {
    const graph = buildGraph(buildModel([input('x', [2]), layer('Add', 'double', {}, { from: ['x', 'x'] })]));
    expect(paths(graph.calls[0]?.output().consumers ?? [])).toEqual(['double', 'double']);
  });

  it('has a call for each use of a shared layer', () => {
    const model = buildModel([
      input('a', [2]),
      input('b', [2]),
      layer('Dense', 'shared', { units: 2 }, { calls: [['a'], ['b']] }),
      layer('Add', 'add', {}, { from: ['shared:0', 'shared:1'] }),
    ]);
    const graph = buildGraph(model);
    const calls = graph.callsOf(model.layer('shared'));
    expect(calls.map((call) => producer(call.input))).toEqual(['a', 'b']);
    expect(graph.calls.at(-1)?.inputs.map((tensor) => tensor.producer)).toEqual(calls);
    expect(graph.callsOf(model.layer('add'))).toHaveLength(1);
  });

  it('inlines nested models: their inputs are what feeds them', () => {
    const body = nested('body', [
      input('in', [4]),
      layer('Dense', 'first', { units: 3 }),
      layer('Dense', 'second', { units: 3 }),
    ]);
    const graph = buildGraph(buildModel([input('x', [4]), body, layer('Dense', 'head', { units: 2 })]));
    expect(paths(graph.calls)).toEqual(['x', 'body/first', 'body/second', 'head']);
    const [x, first, , head] = graph.calls;
    expect(first?.input).toBe(x?.output());
    expect(producer(head?.input)).toBe('body/second');
    expect(first?.owner.name).toBe('body');
    expect(head?.owner.name).toBe('model');
  });

  it('gives layers of a nested model that is called twice two calls each', () => {
    const body = nested('body', [input('in', [3]), layer('Dense', 'inner', { units: 3 })], {
      calls: [['x'], ['body:0']],
    });
    const model = buildModel([input('x', [3]), body, layer('ReLU', 'relu', {}, { from: ['body:1'] })]);
    const graph = buildGraph(model);
    const [first, second] = graph.callsOf(model.layer('body/inner'));
    expect(second?.input).toBe(first?.output());
    expect(graph.calls.at(-1)?.input).toBe(second?.output());
  });

  it('gives a nested model several inputs and outputs', () => {
    const body = nested(
      'body',
      [
        input('p', [3]),
        input('q', [3]),
        layer('Dense', 'sum', { units: 3 }, { from: ['p'] }),
        layer('Add', 'add', {}, { from: ['sum', 'q'] }),
      ],
      { from: ['a', 'b'], outputs: ['add'] },
    );
    const graph = buildGraph(buildModel([input('a', [3]), input('b', [3]), body]));
    expect(graph.inputs.map(producer)).toEqual(['a', 'b']);
    expect(graph.calls.at(-1)?.inputs.map(producer)).toEqual(['body/sum', 'b']);
    expect(graph.outputs.map(producer)).toEqual(['body/add']);
  });

  it('has an input without a producer for a Sequential without InputLayer', () => {
    const graph = buildGraph(
      buildSequential([
        layer('Dense', 'one', { units: 2, batch_input_shape: [null, 3] }, { weights: {} }),
        layer('ReLU', 'two'),
      ]),
    );
    expect(graph.inputs).toHaveLength(1);
    expect(graph.inputs[0]?.producer).toBeUndefined();
    expect(graph.inputs[0]?.isModelInput).toBe(true);
    expect(paths(graph.inputs[0]?.consumers ?? [])).toEqual(['one']);
  });

  it('refuses a nested model that is fed another number of tensors than it has inputs', () => {
    const body = nested('body', [input('in', [3]), layer('ReLU', 'relu')], { from: ['x', 'x'] });
    expect(() => buildModel([input('x', [3]), body])).toThrow(
      new InvalidModelError('body', 'is called with 2 tensors, but has 1 inputs'),
    );
  });
});
