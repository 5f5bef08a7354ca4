import { type Command, InvalidArgumentError, Option } from 'commander';
import { ROUNDINGS, type WeightRounding } from '../../equalization/options.ts';
import { INTEGER_WEIGHTS, type IntegerWeights } from '../../equalization/quantize-integers.ts';
import { TFLITE_IO, type TfliteIo } from '../../formats/tflite/lower.ts';
import { PACKED_DTYPES, type PackedDType } from '../../quantization/packing/packed-dtypes.ts';
import { checkRunOptions, type InputOptions, SEEDED_SAMPLES } from '../chosen-inputs.ts';
import { explained, group, seldom } from '../help.ts';
import {
  byteSize,
  choiceOption,
  formatOption,
  inputOptions,
  layersScriptOption,
  NO_CORRECTION,
  type OutputOptions,
  outputOption,
  type ProofOptions,
  type ReportOptions,
  reportOptions,
  withOptions,
} from '../options.ts';
import type { SidecarOptions } from '../sidecar.ts';
import { ClashError, UsageError } from '../usage-error.ts';
import { flagOf } from '../used-config.ts';

/** Options of `crosslayer quantize`. */
export interface QuantizeOptions
  extends InputOptions,
    OutputOptions,
    ProofOptions,
    ReportOptions,
    SidecarOptions {
  readonly dtype?: PackedDType;
  /** Bytes that all weights may take. */
  readonly plan?: { readonly budget: number };
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly shardSize?: number;
  readonly layersScript?: boolean;
  /** True with `--prepare`, false with `--no-prepare`. */
  readonly prepare?: boolean;
  readonly rounding?: WeightRounding;
  /** False with `--no-correction`. */
  readonly correction?: boolean;
  /** False with `--no-trials`. */
  readonly trials?: boolean;
  /** Of `.tflite` files. */
  readonly weights?: IntegerWeights;
  readonly dense?: IntegerWeights;
  readonly float?: boolean;
  readonly allowFloat?: boolean;
  readonly io?: TfliteIo;
  /** For each input its sizes without the batch. */
  readonly inputShape?: readonly (readonly number[])[];
}

/** The command with its options, which does nothing yet. */
export function quantizeOptions(root: Command): Command {
  const command = root
    .command('quantize')
    .description(
      'write a TF.js layers model with kernels of 8 bits, or a .tflite file in whole numbers, that still works',
    )
    .argument(
      '<in...>',
      'a .keras or .h5 file, or the model.json or folder of a TF.js layers model; or several of them',
    );
  return explained(
    withOptions(command, [
      outputOption('a folder for TF.js, or a file that ends in .tflite; a folder for several models'),
      ...seldom([formatOption(['tfjs', 'tflite'], 'tfjs')]),
      ...group('For .tflite:', [
        choiceOption('--weights <scales>', 'the scales of a kernel (per-channel)', INTEGER_WEIGHTS),
        choiceOption('--io <type>', 'what inputs and outputs are (int8, or float32 with --float)', TFLITE_IO),
        new Option('--float', 'write all of it in float; for a tool that quantizes it with such weights'),
        new Option(
          '--input-shape <sizes...>',
          'how large inputs are that the model leaves open, such as 224x224x3; one for each input',
        ).argParser(inputShapes),
      ]),
      ...group('For TF.js:', [
        choiceOption('--dtype <type>', 'what kernels are stored as (uint8)', PACKED_DTYPES),
        new Option(
          '--plan <budget=size>',
          'choose dtypes so that all weights fit; such as budget=3MB',
        ).argParser(parsePlan),
      ]),
      ...seldom([
        choiceOption(
          '--dense <scales>',
          'with .tflite, --weights for Dense layers alone, which older runtimes take per-tensor',
          INTEGER_WEIGHTS,
        ),
        new Option(
          '--allow-float',
          'with .tflite, leave layers without a kernel for whole numbers in float, between others that have one',
        ),

        new Option(
          '--include <patterns...>',
          'only layers whose path matches, such as head or backbone/*; * stands for any characters',
        ),
        new Option('--exclude <patterns...>', 'layers that stay in float32'),
        new Option('--shard-size <size>', 'how large a file of weights may be (4MiB)').argParser(byteSize),
        layersScriptOption(),
        new Option('--prepare', 'prepare kernels that lie on a grid of 8 bits already too'),
        new Option('--no-prepare', 'only pack: leave the scales of channels and the biases as they are'),
        choiceOption('--rounding <how>', 'how kernels come onto a grid of 8 bits (cancelling)', ROUNDINGS),
        NO_CORRECTION,
        new Option('--no-trials', 'for TF.js with --inputs, take the usual settings and try no others'),
      ]),
      ...group('Proof:', [
        new Option('--no-verify', 'run nothing'),
        new Option('--strict', 'end with exit code 1 where the result was not seen to work'),
      ]),
      ...inputOptions({
        before: '<in> stands',
        madeUp: SEEDED_SAMPLES,
        verb: 'run it on ',
        otherwise: 'IN.samples.npz if left out, or made up from a seed',
        labels: true,
      }),
      ...seldom([new Option('--no-sidecar', 'do not read IN.crosslayer.json')]),
      ...reportOptions('the output', 'everything that was done as one JSON object'),
    ]),
    {
      examples: [
        [
          'crosslayer quantize model.keras -o model.tflite',
          'a phone, a microcontroller or an NPU: whole numbers',
        ],
        [
          'crosslayer quantize model.keras --inputs photos -o model.tflite',
          'the same with ranges measured on photographs',
        ],
        ['crosslayer quantize model.keras -o web', 'the web: a TF.js model a quarter as large'],
      ],
      more: `
For TF.js, kernels of convolutions and Dense are stored in few bits, and so are large matrices of other layers, such as
embeddings. Biases, batch norms and all else stay in float32.
  uint8    a quarter of float32; batch norms take the scales of channels first, and biases make up for what rounding changes
  uint16   half of float32, as good as float
  float16  half of float32
--plan budget=SIZE (3MB, 500 kB, 4MiB, or bytes) chooses a dtype for each kernel. Kernels that disturb the outputs most for
their bytes get more bits, until all weights together take that much. The files take some kB more, for model.json.
Layers that TF.js lacks are written as layers that it has, where these compute the same. If TF.js does not open the result,
the exit code is 1, and the layers are named.
The download shrinks. TF.js loads all weights as float32: the model is no faster and takes as much memory as before.

A .tflite file (LiteRT) has weights and activations in whole numbers, for microcontrollers, NPUs, phones and browsers. It is
smaller, and faster on hardware that computes with them. Ranges of tensors come from the statistics of batch norms, or are
measured on --inputs. The file is run by LiteRT, if @litertjs/core is installed.
--float writes a .tflite file in float, for a tool that quantizes it next. Batch norms are folded; with --weights per-tensor
channels are scaled too. No kernel is rounded, and no bias is corrected.

The files are read again, run, and compared with the model that was read: layer by layer, and by tf.loadLayersModel.
With --inputs roundings are tried, and means are measured instead of taken from batch norms. With labels the accuracy is told.
Kernels that lie on a grid of 8 bits already, as in a TF.js model of uint8 weights, stay as they are.`,
    },
  );
}

/** Adds what `--input-shape` takes: `224x224x3`. */
function inputShapes(text: string, before: readonly (readonly number[])[] = []): (readonly number[])[] {
  const sizes = text.split(/[x,]/).map((size) => (/^[1-9]\d{0,8}$/.test(size.trim()) ? Number(size) : 0));
  if (sizes.includes(0)) {
    throw new InvalidArgumentError('It must be whole numbers with x between them, such as 224x224x3.');
  }
  return [...before, sizes];
}

/** What `--plan` takes: `budget=3MB`. */
export function parsePlan(text: string): { readonly budget: number } {
  const [, size] = /^budget=(.*)$/.exec(text.trim()) ?? [];
  if (size === undefined) {
    throw new InvalidArgumentError('It must be budget= and the size of all weights, such as budget=3MB.');
  }
  return { budget: byteSize(size) };
}

/** Whether a file of that name is one in whole numbers. */
export function isTfliteName(output: string): boolean {
  return /\.tflite$/i.test(output);
}

const OF_TFJS = ['dtype', 'plan', 'include', 'exclude', 'shardSize', 'layersScript', 'prepare'] as const;
const OF_TFLITE = ['weights', 'dense', 'io', 'inputShape', 'allowFloat', 'float'] as const;

/** @throws UsageError where options contradict each other. */
export function checkQuantizeOptions(options: QuantizeOptions): void {
  const { output, dtype, plan, prepare, rounding } = options;
  if (/\.(keras|h5|hdf5|onnx|pb|bin|zip)$/i.test(output)) {
    throw new UsageError(
      `-o ${output}: only TF.js models have packed weights; name a folder, a .json or a .tflite; for Keras use crosslayer equalize`,
    );
  }
  const isTflite = isTfliteName(output);
  const foreign = (isTflite ? OF_TFJS : OF_TFLITE).find((name) => options[name] !== undefined);
  if (foreign !== undefined) {
    const flag = flagOf(foreign, options[foreign]);
    throw new ClashError(
      isTflite
        ? `${flag}: it is for TF.js models, and ${output} is a .tflite file; leave it out`
        : `${flag}: it is for .tflite files; name one, -o model.tflite, or leave it out`,
      [foreign],
    );
  }
  if (options.float === true) checkFloatOptions(options);
  if (options.weights === 'per-tensor' && options.dense === 'per-channel') {
    throw new ClashError(
      '--dense per-channel: --weights per-tensor is for all kernels; leave one of the two out',
      ['weights'],
      ['dense'],
    );
  }
  if (plan !== undefined && dtype !== undefined) {
    throw new ClashError(
      `--dtype ${dtype}: --plan chooses a dtype for each kernel; leave one of the two out`,
      ['plan'],
      ['dtype'],
    );
  }
  if (rounding !== undefined && prepare === false) {
    throw new ClashError(
      '--rounding: with --no-prepare kernels go to the nearest level; leave one of the two out',
      ['prepare'],
      ['rounding'],
    );
  }
  checkRunOptions(options);
}

/** @throws UsageError where an option asks for whole numbers. */
function checkFloatOptions({
  io = 'float32',
  rounding,
  correction,
  dense,
  allowFloat,
}: QuantizeOptions): void {
  const given = [
    ...(io === 'float32' ? [] : [['io', `--io ${io}`] as const]),
    ...(rounding === undefined ? [] : [['rounding', '--rounding'] as const]),
    ...(correction === false ? [['correction', '--no-correction'] as const] : []),
    ...(dense === undefined ? [] : [['dense', '--dense'] as const]),
    ...(allowFloat === true ? [['allowFloat', '--allow-float'] as const] : []),
  ];
  if (given.length === 0) return;
  const flags = given.map(([, flag]) => flag).join(', ');
  throw new ClashError(
    `${flags}: with --float nothing is rounded, and all of the file is in float; leave it out`,
    ['float'],
    given.map(([key]) => key),
  );
}
