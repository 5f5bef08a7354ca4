import { InvalidModelError } from '../errors.ts';
import type { Call } from './model.ts';

/**
 * `calls` in an order in which each comes after those whose outputs it reads: the given one where it is such an order.
 *
 * @param where the model, for messages
 * @throws InvalidModelError where calls read from one another in a circle.
 */
export function sortCalls(calls: readonly Call[], where = ''): Call[] {
  const sorted: Call[] = [];
  const state = new Map<Call, 'open' | 'done'>();
  for (const root of calls) {
    const path = [root];
    for (let call = path.at(-1); call !== undefined; call = path.at(-1)) {
      if (state.get(call) === 'done') {
        path.pop();
        continue;
      }
      const waiting = producers(call).find((producer) => state.get(producer) !== 'done');
      if (waiting === undefined) {
        state.set(call, 'done');
        sorted.push(call);
        path.pop();
        continue;
      }
      state.set(call, 'open');
      if (state.get(waiting) === 'open') throw cycle(path, waiting, where);
      path.push(waiting);
    }
  }
  return sorted;
}

function producers(call: Call): Call[] {
  return call.inputs.flatMap((tensor) => tensor.producer ?? []);
}

function cycle(path: readonly Call[], start: Call, where: string): InvalidModelError {
  const names = path.slice(path.indexOf(start)).map((call) => call.layer.name);
  const first = names[0] ?? '';
  return new InvalidModelError(
    where === '' ? first : `${where}/${first}`,
    `reads its own output through ${names.slice(0, 5).join(', ')}; a model has no cycles: the file is damaged or was edited by hand, save the model again`,
  );
}
