/**
 * What runs a model, in the words of those who have it, and what each takes.
 *
 * @module
 */

import type { Target } from 'crosslayer';
import type { TfliteScales } from '../../protocol.ts';
import type { ChoiceText } from './choice-texts.ts';

/** What runs a model. */
export type Hardware = 'phone' | 'microcontroller' | 'ethos-u' | 'npu' | 'litert-js' | 'tfjs' | 'later';

/** What it takes. */
export interface HardwareNeeds extends ChoiceText<Hardware> {
  readonly target: Target;
  /** How its `.tflite` file is; undefined where it takes none. */
  readonly file?: TfliteScales;
}

/** All of them, in the order of the page. */
export const HARDWARE: readonly HardwareNeeds[] = [
  {
    value: 'phone',
    title: 'Phone or tablet',
    text: 'Apps for Android and iOS with LiteRT (TensorFlow Lite): a scale for each channel, inputs and outputs in float.',
    target: 'int8-per-channel',
    file: { weights: 'per-channel', dense: 'per-channel', io: 'float32' },
  },
  {
    value: 'microcontroller',
    title: 'Microcontroller',
    text: 'TensorFlow Lite for Microcontrollers: a scale for each channel, but one for a Dense layer, as older releases need it; inputs and outputs in int8.',
    target: 'int8-per-channel',
    file: { weights: 'per-channel', dense: 'per-tensor', io: 'int8' },
  },
  {
    value: 'ethos-u',
    title: 'Arm Ethos-U',
    text: 'NPUs of Arm, with the compiler Vela: a scale for each channel, inputs and outputs in int8.',
    target: 'int8-per-channel',
    file: { weights: 'per-channel', dense: 'per-channel', io: 'int8' },
  },
  {
    value: 'npu',
    title: 'Another NPU or converter',
    text: 'With one scale for each kernel. Here uneven channels cost most, and equalizing helps most.',
    target: 'int8-per-tensor',
    file: { weights: 'per-tensor', dense: 'per-tensor', io: 'int8' },
  },
  {
    value: 'litert-js',
    title: 'Web, with LiteRT.js',
    text: 'A .tflite file in a page: a scale for each channel, inputs and outputs in float, because its API has no int8.',
    target: 'int8-per-channel',
    file: { weights: 'per-channel', dense: 'per-channel', io: 'float32' },
  },
  {
    value: 'tfjs',
    title: 'Web, with TensorFlow.js',
    text: 'A download of a quarter of the size. It computes in float; batch norms stay, and carry the factors.',
    target: 'tfjs-uint8',
  },
  {
    value: 'later',
    title: 'I do not know yet',
    text: 'Equalizes the channels, changes nothing else, and leaves the rounding to what comes later.',
    target: 'float',
  },
];

/** What a hardware takes; undefined where none is chosen. */
export function needsOf(hardware: Hardware | undefined): HardwareNeeds | undefined {
  return HARDWARE.find(({ value }) => value === hardware);
}
