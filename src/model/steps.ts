/**
 * What a TimeDistributed does around the layer or model inside: the steps of all samples go through it as samples.
 *
 * In the flat graph that is a call at either end, and between the two everything is as in any nested model.
 *
 * @module
 */

import { Layer } from './layer.ts';

/** The two calls around what is inside of a TimeDistributed. */
interface Ends {
  /** `[samples, steps, …]` to `[samples * steps, …]`. */
  readonly entry: Layer;
  /** And back. */
  readonly exit: Layer;
}

const endsOf = new WeakMap<Layer, Ends>();

/** The ends of a TimeDistributed, the same whenever it is asked for them. */
export function stepsOf(wrapper: Layer): Ends {
  const known = endsOf.get(wrapper);
  if (known) return known;
  const end = (what: string, isExit: boolean): Layer =>
    new Layer({
      name: `${wrapper.name} (${what})`,
      path: `${wrapper.path} (${what})`,
      className: wrapper.className,
      operation: { kind: 'steps', isExit },
    });
  const ends = { entry: end('each step', false), exit: end('all steps', true) };
  endsOf.set(wrapper, ends);
  return ends;
}
