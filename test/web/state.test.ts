import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { HARDWARE } from '../../web/page/choices/hardware.ts';
import { askedChoice } from '../../web/page/choices/previewed-choices.ts';
import {
  forChoice,
  forHardware,
  isSameChoice,
  isUsual,
  readShapes,
  USUAL_SETTINGS,
  withoutIdleParts,
} from '../../web/page/settings.ts';
import { hasChanged, isUntaken, newlyOpened, type State, Store } from '../../web/page/state.ts';
import type { SavedDownload } from '../../web/page/take/saved-download.ts';
import { takeAsked } from '../../web/page/take/take-view.ts';
import type { EqualizedModel, OpenedModel, TakenForm } from '../../web/protocol.ts';

const model = (spreads: Readonly<Record<string, number | null>>): OpenedModel =>
  ({ map: Object.entries(spreads).map(([layer, spread]) => ({ layer, spread })) }) as unknown as OpenedModel;

describe('the state', () => {
  it('is shown at first and after each change, with what it was before', () => {
    const shown: [State, State | undefined][] = [];
    const store = new Store([(state, before) => void shown.push([state, before])]);
    store.set({ side: 'after' });
    expect(shown).toHaveLength(2);
    const [[first, none] = [], [second, before] = []] = shown;
    expect(none).toBeUndefined();
    expect(before).toBe(first);
    expect([first?.side, second?.side, store.state]).toEqual(['before', 'after', second]);
  });

  it('is shown in several tasks where a section takes long, of which each ends with the last state', async () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    vi.stubGlobal('requestAnimationFrame', setTimeout);
    onTestFinished(() => void vi.restoreAllMocks().unstubAllGlobals());
    const shown: string[] = [];
    const long = (state: State): void => {
      shown.push(`long ${state.side}`);
      if (state.side === 'after') clock.mockReturnValue(100);
    };
    const store = new Store([long, ({ side, layer }) => void shown.push(`${side} ${layer}`)]);
    const done = store.set({ side: 'after' });
    expect(shown).toEqual(['long before', 'before undefined', 'long after']);
    void store.set({ layer: 'conv' });
    await done;
    expect(shown.slice(3)).toEqual(['long after', 'after conv']);
  });

  it('tells which of its parts changed', () => {
    const state = new Store([]).state;
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
    const settings = { ...USUAL_SETTINGS, choice: { target: 'tfjs-uint8', relu6: 'relu' } } as const;
    expect(askedChoice({ settings, opened: undefined })).toEqual({ target: 'tfjs-uint8', relu6: 'exact' });
    const choice = { target: 'float', relu6: 'relu' } as const;
    expect(askedChoice({ settings: { ...settings, choice }, opened: undefined })).toEqual(choice);
    const plain = { inspect: { relu6: [] } } as unknown as OpenedModel;
    expect(askedChoice({ settings: { ...settings, choice }, opened: plain }).relu6).toBe('exact');
  });
});

describe('an equalized model', () => {
  it('is lost with the page until it was taken, and not its report alone', () => {
    const equalized = {} as EqualizedModel;
    const taken = (...forms: TakenForm[]) =>
      isUntaken({ equalized, taken: new Map(forms.map((form) => [form, {} as SavedDownload])) });
    expect(isUntaken({ equalized: undefined, taken: new Map() })).toBe(false);
    expect([taken(), taken('report', 'tfjs-packed'), taken('report', 'keras-h5')]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

describe('settings', () => {
  it('follow what runs the model, until a target is chosen that it does not have', () => {
    const settings = forHardware(USUAL_SETTINGS, 'microcontroller');
    expect(settings.choice.target).toBe('int8-per-channel');
    expect(settings.tflite).toMatchObject({ weights: 'per-channel', dense: 'per-tensor', io: 'int8' });
    expect(isUsual(settings)).toBe(false);
    const other = forChoice(settings, { ...settings.choice, relu6: 'keep' });
    expect(other.hardware).toBe('microcontroller');
    expect(forChoice(settings, { target: 'float', relu6: 'keep' }).hardware).toBeUndefined();
    // What takes no .tflite file leaves its fields alone.
    expect(forHardware(settings, 'tfjs').tflite).toEqual(settings.tflite);
    const targets = HARDWARE.map(({ value }) => forHardware(USUAL_SETTINGS, value).choice.target);
    expect([...new Set(targets)].sort()).toEqual([
      'float',
      'int8-per-channel',
      'int8-per-tensor',
      'tfjs-uint8',
    ]);
  });

  it('are told to be usual by what they are, in whatever order', () => {
    const { choice, ...rest } = USUAL_SETTINGS;
    expect(
      isUsual({ ...rest, hardware: undefined, choice: { relu6: choice.relu6, target: choice.target } }),
    ).toBe(true);
    expect(isUsual({ ...USUAL_SETTINGS, verify: false })).toBe(false);
    expect(isSameChoice(choice, { ...choice, objective: 'equal-ranges' })).toBe(false);
  });

  it('leave out what makes no difference to a target', () => {
    const parts = {
      objective: 'equal-ranges',
      activations: 'float',
      rounding: 'cancelling',
      biasCorrection: 'none',
    } as const;
    const left = (target: 'int8-per-tensor' | 'int8-per-channel' | 'tfjs-uint8' | 'float') =>
      Object.keys(withoutIdleParts({ target, relu6: 'exact', ...parts })).slice(2);
    expect(left('int8-per-tensor')).toEqual(['objective', 'activations', 'rounding', 'biasCorrection']);
    expect(left('int8-per-channel')).toEqual(['activations', 'rounding', 'biasCorrection']);
    expect(left('tfjs-uint8')).toEqual(['rounding', 'biasCorrection']);
    expect(left('float')).toEqual(['objective']);
  });

  it('read sizes and patterns out of fields', () => {
    expect([readShapes(''), readShapes(' 224x224x3, 10 ')]).toEqual([[], [[224, 224, 3], [10]]]);
    expect([readShapes('224*224'), readShapes('0x3'), readShapes('wide')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    const asked = (packing: Partial<typeof USUAL_SETTINGS.packing>) =>
      takeAsked('tfjs-packed', { ...USUAL_SETTINGS, packing: { ...USUAL_SETTINGS.packing, ...packing } });
    expect(asked({ dtype: 'uint16', budget: '3', include: 'head, b*' })).toEqual({
      form: 'tfjs-packed',
      dtype: 'uint16',
      include: ['head', 'b*'],
    });
    expect(asked({ dtype: 'budget', budget: '1.5', exclude: 'head' })).toEqual({
      form: 'tfjs-packed',
      plan: { budget: 1_500_000 },
      exclude: ['head'],
    });
    expect(asked({ prepare: false })).toEqual({ form: 'tfjs-packed', dtype: 'uint8', prepare: false });
    const tfjs = { shardSize: '2.5', layersScript: true };
    expect(takeAsked('tfjs-float', { ...USUAL_SETTINGS, tfjs })).toEqual({
      form: 'tfjs-float',
      shardBytes: 2_500_000,
      layersScript: true,
    });
    expect(takeAsked('tfjs-float', { ...USUAL_SETTINGS, tfjs: { ...tfjs, shardSize: 'small' } })).toMatch(
      /'small' is no number above 0/,
    );
    expect(asked({ dtype: 'budget', budget: 'much' })).toMatch(/'much' is no number above 0/);
    expect(takeAsked('keras-h5', { ...USUAL_SETTINGS, dialect: 'keras2' })).toEqual({
      form: 'keras-h5',
      dialect: 'keras2',
    });
  });
});
