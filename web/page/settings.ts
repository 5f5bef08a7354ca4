/**
 * Everything that a person can choose, and what is usual.
 *
 * @module
 */

import type { Target } from 'crosslayer';
import type { Dialect, PackedDType } from 'crosslayer/quantization';
import type { Normalization } from 'crosslayer/verification';
import type { Choice, TfliteChoice } from '../protocol.ts';
import { type Hardware, needsOf } from './choices/hardware.ts';

/** What is chosen, and what stands in fields. */
export interface Settings {
  /** Undefined where a target was chosen by its name, or nothing yet. */
  readonly hardware: Hardware | undefined;
  readonly choice: Choice;
  /** Whether equalizing is proven. */
  readonly verify: boolean;
  /** What is done to pixels; undefined where it is guessed from the model. */
  readonly normalization: Normalization | undefined;
  readonly tflite: Omit<TfliteChoice, 'inputShape'> & { readonly inputShape: string };
  /** Which Keras an `.h5` file is for; undefined: the one that the model came from. */
  readonly dialect: Dialect | undefined;
  /** What a TF.js model is packed as. */
  readonly packing: {
    readonly dtype: PackedDType | 'budget';
    readonly budget: string;
    readonly include: string;
    readonly exclude: string;
    /** Whether kernels are prepared for 8 bits; undefined: unless they lie on a grid already. */
    readonly prepare: boolean | undefined;
  };
  /** How any TF.js model is written. */
  readonly tfjs: { readonly shardSize: string; readonly layersScript: boolean };
}

/** What is chosen where nobody chose. */
export const USUAL_SETTINGS: Settings = {
  hardware: undefined,
  choice: { target: 'int8-per-tensor', relu6: 'exact' },
  verify: true,
  normalization: undefined,
  tflite: {
    ...{ weights: 'per-channel', dense: 'per-channel', io: 'int8' },
    ...{ float: false, allowFloat: false, rounding: 'cancelling', correction: true, inputShape: '' },
  },
  dialect: undefined,
  packing: { dtype: 'uint8', budget: '', include: '', exclude: '', prepare: undefined },
  tfjs: { shardSize: '', layersScript: false },
};

/** Whether nobody chose anything, or chose it back. */
export function isUsual(settings: Settings): boolean {
  return JSON.stringify(sorted(settings)) === JSON.stringify(sorted(USUAL_SETTINGS));
}

/** The settings for a hardware. */
export function forHardware(settings: Settings, hardware: Hardware): Settings {
  const needs = needsOf(hardware);
  if (!needs) return settings;
  return {
    ...settings,
    hardware,
    choice: { ...settings.choice, target: needs.target },
    tflite: { ...settings.tflite, ...needs.file },
  };
}

/** The settings for a choice; a hardware that it is not for is not chosen any more. */
export function forChoice(settings: Settings, choice: Choice): Settings {
  const isFor = needsOf(settings.hardware)?.target === choice.target;
  return { ...settings, choice, hardware: isFor ? settings.hardware : undefined };
}

/** Which parts of a choice make a difference to a target. */
export function partsThatMatter(
  target: Target,
): Readonly<Record<Exclude<keyof Choice, 'target' | 'relu6'>, boolean>> {
  const isRounded = target !== 'float';
  const onIntegers = isRounded && target !== 'tfjs-uint8';
  return {
    objective: target.startsWith('int8-per-tensor') || target === 'float',
    activations: onIntegers,
    rounding: isRounded,
    biasCorrection: isRounded,
  };
}

/** A choice without what makes no difference to its target. */
export function withoutIdleParts({ target, relu6, ...parts }: Choice): Choice {
  const matters = partsThatMatter(target);
  const { objective, activations, rounding, biasCorrection } = parts;
  return {
    ...{ target, relu6 },
    ...(matters.objective && objective ? { objective } : {}),
    ...(matters.activations && activations ? { activations } : {}),
    ...(matters.rounding && rounding ? { rounding } : {}),
    ...(matters.biasCorrection && biasCorrection ? { biasCorrection } : {}),
  };
}

/** Whether two choices are the same. */
export function isSameChoice(one: Choice, other: Choice): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

/** Sizes of inputs without the batch, such as `224x224x3`, one for each input; undefined where the text is none. */
export function readShapes(text: string): readonly (readonly number[])[] | undefined {
  const shapes = words(text).map((word) =>
    word.split(/x/i).map((size) => (/^[1-9]\d{0,8}$/.test(size) ? Number(size) : 0)),
  );
  return shapes.flat().includes(0) ? undefined : shapes;
}

/** Bytes of a size in MB; undefined where the text is no number above 0. */
export function readMegabytes(text: string): number | undefined {
  const bytes = Math.round(Number(text.trim() || NaN) * 1e6);
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Words with spaces or commas between them. */
export function words(text: string): string[] {
  return text.split(/[\s,;]+/).filter((word) => word !== '');
}

/** With the keys of objects in order, so that equal ones have equal texts. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  return entries.sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, part]) => [key, sorted(part)]);
}
