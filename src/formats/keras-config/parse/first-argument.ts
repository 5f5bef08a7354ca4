/**
 * Calls of layers as Keras 2 writes them, however Python spelled them: what a layer reads by place, all else by name.
 *
 * @module
 */

import { ownEntry } from '../../../json/value.ts';
import { MASK_ARGUMENTS } from '../../../model/masks.ts';
import type { CallArgument } from '../../../model/model.ts';

/** Arguments of a call. */
export interface CallArguments {
  readonly args: readonly CallArgument[];
  readonly kwargs: Readonly<Record<string, CallArgument>>;
}

/** The names that layers of Keras give to what they read, the first of them that is given before others. */
const FIRST: readonly string[] = ['inputs', 'query', 'sequences', 'sequence', 'x'];

/** Tensors that come beside what a layer reads. */
const BESIDE: ReadonlySet<string> = new Set([
  ...MASK_ARGUMENTS.keys(),
  ...['attention_mask', 'initial_state', 'constants', 'training'],
]);

/** The parameters behind the first of layers that are called with several, in their order. */
const FURTHER: ReadonlyMap<string, readonly string[]> = new Map([
  ['Attention', ['mask', 'training']],
  ['AdditiveAttention', ['mask', 'training']],
  ['BatchNormalization', ['training', 'mask']],
  ['Dropout', ['training']],
  ['GaussianNoise', ['training']],
  ['GaussianDropout', ['training']],
  ['SpatialDropout1D', ['training']],
  ['SpatialDropout2D', ['training']],
  ['SpatialDropout3D', ['training']],
  ['MultiHeadAttention', ['value', 'key']],
  ['Functional', ['training', 'mask']],
  ['Model', ['training', 'mask']],
  ['Sequential', ['training', 'mask']],
]);

/**
 * The arguments of a call of a layer with what it reads by place and the rest by name; as they are where nothing tells which is
 * which, as of a layer with code of its own that is given several tensors by name.
 */
export function layerArguments(className: string, given: CallArguments): CallArguments {
  const { args, kwargs } = given.args.length === 0 ? firstByPlace(given) : given;
  const [first, ...others] = args;
  const names = FURTHER.get(className);
  if (!first || others.length === 0 || !names || others.length > names.length) return { args, kwargs };
  const named = others.map((argument, index) => [names[index] ?? '', argument] as const);
  return { args: [first], kwargs: { ...Object.fromEntries(named), ...kwargs } };
}

function firstByPlace({ args, kwargs }: CallArguments): CallArguments {
  const tensors = Object.keys(kwargs).filter(
    (name) => !BESIDE.has(name) && holdsTensor(ownEntry(kwargs, name)),
  );
  const name = tensors.length === 1 ? tensors[0] : FIRST.find((one) => tensors.includes(one));
  const first = name === undefined ? undefined : ownEntry(kwargs, name);
  if (!first) return { args, kwargs };
  return {
    args: [first],
    kwargs: Object.fromEntries(Object.entries(kwargs).filter(([other]) => other !== name)),
  };
}

function holdsTensor(argument: CallArgument | undefined): boolean {
  if (!argument || 'value' in argument) return false;
  if ('tensor' in argument) return true;
  return ('list' in argument ? argument.list : Object.values(argument.record)).some(holdsTensor);
}
