/**
 * Running the file of a TensorFlow Lite model on floats.
 *
 * @module
 */

import { CannotRunError } from '../../errors.ts';
import { elementsOf, type TfliteQuantization, type TfliteType } from '../../formats/tflite/graph.ts';
import { type ReadTensor, type ReadTflite, readTflite } from '../../formats/tflite/read.ts';
import { withStaticShapes } from '../../formats/tflite/static-shapes.ts';
import { roundHalfAway } from '../../kernels/rounding.ts';
import { checkpoint, stageOf, type WatchOptions } from '../../model/progress.ts';
import type { FloatValues } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Litert } from './runtime.ts';

/** What a file is run with. Its stage is `run`. */
export interface RunTfliteOptions extends WatchOptions {
  /** For messages. */
  readonly name?: string;
}

/**
 * The outputs that LiteRT computes of a file, one sample after the other. Inputs are put on the grids of the file, outputs have the
 * values of their codes.
 *
 * @param inputs floats, or whole numbers such as indices, one tensor for each input of the file, with the samples first
 * @throws FormatError where the bytes are no model; CannotRunError where the runtime does not take it, prints an error, or
 * the inputs do not fit.
 */
export async function runTflite(
  litert: Litert,
  bytes: Uint8Array,
  inputs: readonly Tensor[],
  { name = 'the .tflite model', ...watch }: RunTfliteOptions = {},
): Promise<Tensor[]> {
  const file = readTflite(name, bytes);
  const ports = portTensors(file, 'inputs');
  const samples = checkInputs(ports, inputs);
  using model = await litert.load(withStaticShapes(name, bytes));
  const results = portTensors(file, 'outputs');
  const targets = results.map(({ shape }) => new Float32Array(elementsOf(shape) * samples));
  const sources = inputs.map((tensor) => tensor.values() as FloatValues);
  const tell = stageOf(watch, 'run');
  const whole = Math.ceil(samples / 100);
  for (let sample = 0; sample < samples; sample++) {
    if (sample % whole === 0) await checkpoint(watch);
    tell(sample, samples);
    const given = ports.map((port, index) => encoded(port, sources[index] as FloatValues, sample));
    const made = await model.run(given);
    for (const [index, port] of results.entries()) {
      decode(port, made[index] ?? new Uint8Array(), { target: targets[index] as Float32Array, sample });
    }
  }
  tell(samples, samples);
  return results.map(({ shape }, index) =>
    Tensor.of('float32', [samples, ...shape.slice(1)], targets[index] as Float32Array),
  );
}

function portTensors(file: ReadTflite, side: 'inputs' | 'outputs'): Required<PortTensor>[] {
  return file[side].map(({ name, tensor }) => {
    const { shape, type, quantization } = file.tensors[tensor] as ReadTensor;
    if (!type || (type === 'int32' && side === 'outputs')) {
      throw new CannotRunError('', `${name}: holds no floats and no codes of 8 bits`);
    }
    return { name, shape, type, quantization };
  });
}

interface PortTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: TfliteType;
  readonly quantization: TfliteQuantization | undefined;
}

function checkInputs(ports: readonly PortTensor[], inputs: readonly Tensor[]): number {
  const samples = inputs[0]?.shape[0] ?? 0;
  if (ports.length !== inputs.length) {
    throw new CannotRunError('', `${inputs.length} inputs for a file with ${ports.length}`);
  }
  for (const [index, { name, shape }] of ports.entries()) {
    const size = inputs[index]?.size ?? 0;
    if (size !== samples * elementsOf(shape)) {
      throw new CannotRunError(
        '',
        `${name}: an input of [${inputs[index]?.shape.join(', ')}] for [${shape.join(', ')}]`,
      );
    }
  }
  return samples;
}

/** One sample in the type of the file. */
function encoded({ shape, type, quantization }: PortTensor, values: FloatValues, sample: number): Uint8Array {
  const size = elementsOf(shape);
  const part = values.subarray(sample * size, (sample + 1) * size);
  if (type === 'float32') {
    const floats = Float32Array.from(part);
    return new Uint8Array(floats.buffer);
  }
  if (type === 'int32') return new Uint8Array(Int32Array.from(part).buffer);
  const { scales, zeroPoint } = quantization ?? { scales: [1], zeroPoint: 0 };
  const scale = scales[0] ?? 1;
  const [least, most] = type === 'int8' ? [-128, 127] : [0, 255];
  const codes = new Uint8Array(size);
  for (let index = 0; index < size; index++) {
    const code = roundHalfAway((part[index] ?? 0) / scale) + zeroPoint;
    // Wraps int8 codes to their bytes.
    codes[index] = Math.min(most, Math.max(least, code));
  }
  return codes;
}

function decode(
  { shape, type, quantization }: PortTensor,
  bytes: Uint8Array,
  { target, sample }: { readonly target: Float32Array; readonly sample: number },
): void {
  const size = elementsOf(shape);
  const start = sample * size;
  if (type === 'float32') {
    target.set(new Float32Array(bytes.buffer, bytes.byteOffset, size), start);
    return;
  }
  const { scales, zeroPoint } = quantization ?? { scales: [1], zeroPoint: 0 };
  const scale = scales[0] ?? 1;
  const codes = type === 'int8' ? new Int8Array(bytes.buffer, bytes.byteOffset, size) : bytes;
  for (let index = 0; index < size; index++)
    target[start + index] = scale * ((codes[index] ?? 0) - zeroPoint);
}
