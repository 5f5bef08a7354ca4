/**
 * The states that a recurrent layer begins with: Keras 2 and TF.js take them behind the sequence, in one list; Keras 3 has an
 * argument for them.
 *
 * @module
 */

import type { Call, CallArgument } from '../../../model/model.ts';
import { words } from '../../../text/names.ts';

/** Layers that go through a sequence step by step. */
export const RECURRENT: ReadonlySet<string> = words(
  'Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU LSTM RNN SimpleRNN',
);

/** How a layer is called. */
type Arguments = Pick<Call, 'args' | 'kwargs'>;

/** The arguments of a call as Keras 3 has them. */
export function withStatesNamed({ layer, args, kwargs }: Call): Arguments {
  const [first, ...others] = args;
  if (!RECURRENT.has(layer.className) || !first || !('list' in first)) return { args, kwargs };
  const [sequence, ...list] = first.list;
  if (!sequence || list.length === 0) return { args, kwargs };
  return { args: [sequence, ...others], kwargs: { ...kwargs, initial_state: { list } } };
}

/** The arguments of a call as Keras 2 has them. */
export function withStatesListed({ layer, args, kwargs }: Call): Arguments {
  const { initial_state: states, ...named } = kwargs;
  if (!RECURRENT.has(layer.className) || !states || 'value' in states) return { args, kwargs };
  const [sequence, ...others] = args;
  const list = [sequence, states].flatMap((one) => (one ? tensorsIn(one) : []));
  return { args: sequence ? [{ list }, ...others] : args, kwargs: named };
}

function tensorsIn(argument: CallArgument): readonly CallArgument[] {
  return 'list' in argument ? argument.list : [argument];
}
