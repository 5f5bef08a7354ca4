import { describe, expect, it } from 'vitest';
import { askedChoice } from '../../web/page/choices/choice-texts.ts';
import {
  hasChanged,
  isSameChoice,
  newlyOpened,
  type State,
  Store,
  USUAL_CHOICE,
} from '../../web/page/state.ts';
import type { OpenedModel } from '../../web/protocol.ts';

const model = (spreads: Readonly<Record<string, number | null>>): OpenedModel =>
  ({ map: Object.entries(spreads).map(([layer, spread]) => ({ layer, spread })) }) as unknown as OpenedModel;

describe('the state', () => {
  it('is shown at first and after each change, with what it was before', () => {
    const shown: [State, State | undefined][] = [];
    const store = new Store((state, before) => void shown.push([state, before]));
    store.set({ side: 'after' });
    expect(shown).toHaveLength(2);
    const [[first, none] = [], [second, before] = []] = shown;
    expect(none).toBeUndefined();
    expect(before).toBe(first);
    expect([first?.side, second?.side, store.state]).toEqual(['before', 'after', second]);
  });

  it('tells which of its parts changed', () => {
    const state: State = { ...newlyOpened(undefined), choice: USUAL_CHOICE, isBusy: false };
    expect(hasChanged(state, undefined, 'layer')).toBe(true);
    expect(hasChanged({ ...state, layer: 'conv' }, state, 'layer', 'side')).toBe(true);
    expect(hasChanged({ ...state, layer: 'conv' }, state, 'side')).toBe(false);
  });

  it('begins with the most uneven layer of a model, and with nothing of the last one', () => {
    const state = newlyOpened(model({ input: null, even: 1, uneven: 9, less: 3 }));
    expect(state.layer).toBe('uneven');
    expect([state.equalized, state.comparison, state.tflite, state.taken.size]).toEqual([
      undefined,
      undefined,
      undefined,
      0,
    ]);
    expect(newlyOpened(model({ input: null })).layer).toBeUndefined();
    expect(newlyOpened(undefined).layer).toBeUndefined();
  });

  it('asks for the one policy that a target has', () => {
    const preview = { target: 'tfjs-uint8', relu6: 'exact', gainDb: 1, cost: '', obstacle: null } as const;
    const choice = { target: 'tfjs-uint8', relu6: 'relu' } as const;
    const asked = askedChoice({ choice, previews: { kind: 'known', previews: [preview] } });
    expect(isSameChoice(asked, { target: 'tfjs-uint8', relu6: 'exact' })).toBe(true);
    expect(askedChoice({ choice, previews: { kind: 'waiting' } })).toEqual(choice);
  });
});
