import { describe, expect, it } from 'vitest';
import { InvalidModelError } from '../../src/errors.ts';
import { Layer } from '../../src/model/layer.ts';
import { Call } from '../../src/model/model.ts';
import { sortCalls } from '../../src/model/topology.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

/** A call of a layer that does nothing, reading the outputs of `sources`. */
function call(name: string, ...sources: Call[]): Call {
  const identity = new Layer({
    name,
    className: 'Identity',
    operation: { kind: 'identity', isRandom: false },
  });
  return new Call(
    identity,
    sources.map((source) => source.output()),
  );
}

const names = (calls: readonly Call[]): string[] => calls.map((one) => one.layer.name);

describe('sortCalls', () => {
  const a = call('a');
  const b = call('b', a);
  const c = call('c', a);
  const d = call('d', b, c);

  it('keeps an order that is one', () => {
    expect(names(sortCalls([a, b, c, d]))).toEqual(['a', 'b', 'c', 'd']);
    expect(names(sortCalls([a, c, b, d]))).toEqual(['a', 'c', 'b', 'd']);
  });

  it('puts each call after those that it reads', () => {
    expect(names(sortCalls([d, c, b, a]))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does not exhaust the stack on a deep chain given last call first', () => {
    const chain = [call('0')];
    for (let depth = 1; depth < 50_000; depth++) chain.push(call(String(depth), chain.at(-1) as Call));
    expect(sortCalls(chain.toReversed())).toEqual(chain);
  });

  it('tells of a cycle, with the layers on it', () => {
    const first = call('first');
    const second = call('second', first);
    first.inputs = [second.output()];
    expect(() => sortCalls([first, second], 'outer')).toThrow(
      new InvalidModelError(
        'outer/first',
        'reads its own output through first, second; a model has no cycles: the file is damaged or was edited by hand, save the model again',
      ),
    );
  });

  it('tells of a cycle in a configuration', () => {
    const layers = [
      input('x', [2]),
      layer('Add', 'one', {}, { from: ['x', 'two'] }),
      layer('ReLU', 'two', {}, { from: ['one'] }),
    ];
    expect(() => buildModel(layers)).toThrow(InvalidModelError);
    expect(() => buildModel(layers)).toThrow(/one, two; a model has no cycles/);
  });
});
