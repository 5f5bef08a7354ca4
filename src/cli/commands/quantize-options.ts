import fs from 'node:fs';
import type { WeightRounding } from '../../equalization/options.ts';
import type { PackedDType } from '../../quantization/packing/packed-dtypes.ts';
import type { InputOptions } from '../chosen-inputs.ts';
import { UsageError } from '../command-result.ts';

/** Options of `crosslayer quantize`. */
export interface QuantizeCommandOptions extends InputOptions {
  readonly output: string;
  readonly dtype?: PackedDType;
  /** Bytes that all weights may take. */
  readonly plan?: { readonly budget: number };
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly shardSize?: number;
  /** True with `--prepare`, false with `--no-prepare`. */
  readonly prepare?: boolean;
  readonly rounding?: WeightRounding;
  /** False with `--no-correction`. */
  readonly correction?: boolean;
  /** False with `--no-trials`. */
  readonly trials?: boolean;
  /** False with `--no-verify`. */
  readonly verify?: boolean;
  readonly strict?: boolean;
  /** False with `--no-sidecar`. */
  readonly sidecar?: boolean;
  /** The page that tells what was done. */
  readonly report?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Made-up samples where there are no real ones and `--samples` is left out. */
const SEEDED_SAMPLES = 8;
/** @throws UsageError where options contradict each other. */
export function checkUsage({ output, prepare, rounding, ...options }: QuantizeCommandOptions): void {
  if (/\.(keras|h5|hdf5|tflite|onnx|pb|bin|zip)$/i.test(output)) {
    throw new UsageError(
      `-o ${output}: packed weights are a TF.js model's; name a folder, or a .json, or see crosslayer equalize for Keras and TFLite`,
    );
  }
  if (rounding !== undefined && prepare === false) {
    throw new UsageError(
      '--rounding: with --no-prepare kernels go to the nearest level; leave one of the two out',
    );
  }
  const { verify, strict, inputs, labels } = options;
  if (verify === false && (strict === true || inputs !== undefined)) {
    throw new UsageError(
      '--no-verify: without a run there is nothing for --strict and --inputs; leave them out',
    );
  }
  if (labels !== undefined && inputs === undefined) {
    throw new UsageError('--labels: only inputs from --inputs have labels; give them too');
  }
}

/** The samples that lie beside a model for trying it: `IN.samples.npz`. */
export function inputsBeside(
  input: string,
  { inputs, verify }: QuantizeCommandOptions,
): Pick<QuantizeCommandOptions, 'inputs'> {
  const beside = `${input.replace(/(?<=.)[\\/]+$/, '')}.samples.npz`;
  return inputs === undefined && verify !== false && fs.existsSync(beside) ? { inputs: [beside] } : {};
}

/** What the model is run on: with labels where inputs are given. */
export function inputOptions(options: QuantizeCommandOptions): QuantizeCommandOptions {
  return options.inputs === undefined
    ? { ...options, samples: options.samples ?? SEEDED_SAMPLES }
    : { ...options, labels: options.labels ?? true };
}
