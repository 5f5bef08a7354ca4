/**
 * What a model is, in facts.
 *
 * @module
 */

import { byteText, count, grouped } from 'crosslayer/report';
import type { OpenedModel } from '../../protocol.ts';
import { breakable, byId, element, list } from '../dom.ts';
import { hasChanged, type State } from '../state.ts';

/** Shows the name and the facts of the model that is open. */
export function renderSummary(state: State, before: State | undefined): void {
  const { opened } = state;
  if (!opened || !hasChanged(state, before, 'opened')) return;
  byId('model-title', HTMLElement).replaceChildren('The model ', ...breakable(opened.name));
  byId('facts', HTMLElement).replaceChildren(
    ...factsOf(opened).map(([term, fact]) => {
      return element('div', {}, element('dt', {}, term), element('dd', {}, ...breakable(fact)));
    }),
  );
  const notes = byId('model-notes', HTMLElement);
  if (opened.notes.length === 0) notes.replaceChildren();
  else
    notes.replaceChildren(list(opened.notes, { class: 'notice', 'aria-label': 'What has to be said of it' }));
}

/** Facts with what they are of. */
export function factsOf(opened: OpenedModel): (readonly [term: string, fact: string])[] {
  const { inspect, map } = opened;
  const weighted = map.filter(({ spread }) => spread !== null).length;
  const folded = inspect.batchNorms.filter(({ into }) => into !== null).length;
  return [
    ['File', opened.fileName],
    ['Format', opened.format],
    ['Size', byteText(opened.bytes)],
    ['Layers', `${grouped(map.length)}, ${grouped(weighted)} of them with channels`],
    ['Parameters (weights)', grouped(opened.parameters)],
    ['Batch norms', batchNormText(inspect.batchNorms.length, folded)],
    [
      'ReLU6 (cuts off values above 6)',
      inspect.relu6.length === 0 ? 'none' : count(inspect.relu6.length, 'layer'),
    ],
  ];
}

function batchNormText(all: number, folded: number): string {
  if (all === 0) return 'none';
  if (folded === all) return all === 1 ? '1, which can be folded' : `${all}, all of which can be folded`;
  return `${all}, of which ${folded} can be folded`;
}
