import { type Command, Option } from 'commander';
import { CannotRunError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { QUANTIZATIONS, type QuantizationName } from '../../quantization/weight-quantizations.ts';
import {
  type EvaluatedModel,
  type EvaluateReport,
  evaluateModel,
  evaluateWeights,
  type RangesFrom,
} from '../../report/evaluate-report.ts';
import { accuracyText, sqnrText } from '../../text/numbers.ts';
import { TfjsRunner } from '../../verification/run/runner.ts';
import {
  type ChosenInputs,
  checkRunOptions,
  chosenInputs,
  type InputOptions,
  withLabels,
} from '../chosen-inputs.ts';
import { type CommandResult, EXIT, end, shownAs } from '../command-result.ts';
import { explained } from '../help.ts';
import { openModel } from '../opened-models.ts';
import { choiceOption, inputOptions, jsonOption, withOptions } from '../options.ts';
import { readSidecarOf, type SidecarOptions } from '../sidecar.ts';
import { type Line, progress, SHOWN, table } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

interface EvaluateOptions extends InputOptions, SidecarOptions {
  readonly against?: string;
  readonly quantizer: string;
  readonly activations: 'int8' | 'float';
  readonly ranges: RangesFrom;
  readonly layers?: boolean;
  readonly json?: boolean;
}

const DEFAULT_QUANTIZERS = 'int8-per-tensor,int8-per-channel,tfjs-uint8,tfjs-uint8-kernels';
/** Made-up samples where there are no real ones and `--samples` is left out. */
const SEEDED_SAMPLES = 16;

/** `crosslayer evaluate`: what quantizing leaves of a model. */
export function addEvaluate(root: Command): void {
  const command = root
    .command('evaluate')
    .description('run the model quantized and tell how much is left of what it does in float')
    .argument('<model>', 'the model');
  explained(
    withOptions(command, [
      new Option('--against <original>', 'the model to compare with; the same model in float if left out'),
      new Option('--quantizer <list>', 'how weights are quantized, separated by commas').default(
        DEFAULT_QUANTIZERS,
      ),
      choiceOption(
        '--activations <how>',
        'int8: with int8-… quantizers run it a second time, with activations of 8 bits too; float: do not',
        ['int8', 'float'],
      ).default('int8'),
      choiceOption(
        '--ranges <from>',
        'where the ranges of these activations are from: statistics of batch norms, or measured on the inputs',
        ['statistics', 'measured'],
      ).default('statistics'),
      ...inputOptions({ before: '<model> stands', madeUp: SEEDED_SAMPLES, labels: true }),
      new Option(
        '--no-sidecar',
        'do not read MODEL.crosslayer.json, which has the statistics of a folded model',
      ),
      new Option('--layers', 'list what quantizing leaves of the weights of each layer, the worst first'),
      jsonOption(),
    ]),
    {
      examples: [
        ['crosslayer evaluate model.keras', 'what each quantizer leaves of it'],
        [
          'crosslayer evaluate ready.keras --against model.keras --inputs test.npz',
          'accuracy on samples with labels',
        ],
        ['crosslayer evaluate model.keras --quantizer int8-per-tensor --layers', 'which layers lose most'],
      ],
      more: `
Quantizers:
  int8-per-tensor      8 bits, one asymmetric range for each kernel
  int8-per-tensor-symmetric
                       8 bits, one range for each kernel, -127 to 127
  int8-per-channel     8 bits, a symmetric range for each output channel of a kernel
  tfjs-uint8           all float weights, as tensorflowjs_converter --quantize_uint8 writes them
  tfjs-uint8-kernels   kernels alone, as it does with --quantize_uint8 "*kernel"
  tfjs-uint16, tfjs-uint16-kernels
                       the same with 16 bits
Kernels are those of convolutions and Dense. All else stays in float: biases, batch norms, other layers.

With activations of 8 bits, batch norms are folded first. Symmetric kernels are run as TensorFlow Lite runs them: int8 tensors
and kernels, int32 biases. With asymmetric kernels (int8-per-tensor) tensors are put on grids, and biases stay in float.

SQNR is of the logits where an output is a softmax of them. "same top-1" is the share of samples with the same top class as
the original.`,
    },
  ).action((input, options) => end(options, (own) => evaluateCommand(input, own)));
}

async function evaluateCommand(input: string, options: EvaluateOptions): Promise<CommandResult> {
  const quantizers = parseQuantizers(options.quantizer);
  checkRunOptions(options);
  progress.say(`reading ${input}`, 'read');
  const model = await openModel(input);
  const original = options.against === undefined ? undefined : await openModel(options.against);
  const wantsStatistics = options.activations === 'int8' && options.ranges === 'statistics';
  const sidecar = wantsStatistics ? await readSidecarOf(model, { ...options, keepCorrections: true }) : null;
  const evaluated = await evaluate(model, { original, quantizers, options });
  const notes = [...(sidecar === null ? [] : [`side-car: ${sidecar.message}`]), ...evaluated.notes];
  const report = { ...evaluated, notes };
  return { ...shownAs(options.json, report, () => tables(report)), exitCode: EXIT.ok };
}

async function evaluate(
  model: Model,
  given: {
    readonly original: Model | undefined;
    readonly quantizers: readonly QuantizationName[];
    readonly options: EvaluateOptions;
  },
): Promise<EvaluateReport> {
  const { original, quantizers, options } = given;
  try {
    const { tensors, description, labels, labelsSource } = await inputsFor(original ?? model, options);
    return await evaluateModel(model, {
      runner: await TfjsRunner.create(SHOWN),
      inputs: tensors,
      inputsDescription: description,
      labels,
      labelsSource,
      original,
      quantizers,
      activations: options.activations,
      ranges: options.ranges,
      normalization: options.normalize,
      layers: options.layers === true,
      onModel: (what) => progress.say(`running ${what}`, 'run'),
    });
  } catch (error) {
    if (options.layers !== true || !(error instanceof CannotRunError)) throw error;
    // Weights can be measured without running anything.
    return evaluateWeights(model, quantizers, error.message);
  }
}

function parseQuantizers(text: string): QuantizationName[] {
  const names = Object.keys(QUANTIZATIONS) as QuantizationName[];
  return text.split(',').map((part) => {
    const name = names.find((known) => known === part.trim());
    if (!name) throw new UsageError(`--quantizer: there is no '${part}'; choose from ${names.join(',')}`);
    return name;
  });
}

async function inputsFor(model: Model, options: EvaluateOptions): Promise<ChosenInputs> {
  progress.say('reading the inputs', 'inputs');
  const chosen = await chosenInputs(model, withLabels(options, SEEDED_SAMPLES));
  if (options.inputs !== undefined) return chosen;
  return { ...chosen, description: `${chosen.description}; real samples, given by --inputs, tell more` };
}

function tables(report: EvaluateReport): Line[] {
  const { inputsDescription, models, layers, notes } = report;
  const paragraphs: Line[][] = [
    ...(inputsDescription === '' ? [] : [[inputsDescription]]),
    ...(models.length === 0 ? [] : [modelTable(report)]),
    ...[...new Set(layers.map(({ quantizer }) => quantizer))].map((quantizer): Line[] => [
      `${quantizer}: what is left of the weights, the worst first`,
      ...layerTable(report, quantizer),
    ]),
    ...notes.map((note) => [`note: ${note}`]),
  ];
  return paragraphs.flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

function modelTable({ models, labelled }: EvaluateReport): Line[] {
  const rows = models.flatMap(resultsOf).flatMap((one) => {
    const accuracy = one.accuracy === null ? '-' : accuracyText(one.accuracy);
    const [first = ['', '', ''], ...others] = one.outputs.map(({ name, sqnrDb, top1Agreement }) => {
      const agreement = top1Agreement === null ? '-' : accuracyText(top1Agreement);
      return [name, sqnrText(sqnrDb), agreement];
    });
    return [[one.name, ...first, accuracy], ...others.map((cells) => ['', ...cells, ''])];
  });
  // One output needs no name, and without labels the last column would be empty.
  const hasNames = models.some(({ outputs }) => outputs.length > 1);
  const isShown = (_: string, column: number): boolean => (column === 1 ? hasNames : column < 4 || labelled);
  const header = ['model', 'output', 'SQNR', 'same top-1', 'accuracy'].filter(isShown);
  const right = [...header.keys()].slice(hasNames ? 2 : 1);
  const shown = rows.map((row) => row.filter(isShown));
  return table(header, shown, right);
}

/** A row of the table, or several where there are several outputs. */
type Result = Pick<EvaluatedModel, 'outputs' | 'accuracy'> & { readonly name: string };

function resultsOf(model: EvaluatedModel): Result[] {
  const { integers } = model;
  const name = nameOf(model);
  const own = { ...model, name };
  return integers ? [own, { ...integers, name: `${name}, int8 activations` }] : [own];
}

function nameOf({ model, quantizer }: EvaluatedModel): string {
  switch (model) {
    case 'original':
      return 'original, float';
    case 'float':
      return 'float';
    case 'quantized':
      return quantizer ?? '';
  }
}

function layerTable({ layers }: EvaluateReport, quantizer: QuantizationName): Line[] {
  const rows = layers
    .filter((layer) => layer.quantizer === quantizer)
    .map(({ layer, weight, sqnrDb }) => [layer, weight, sqnrText(sqnrDb)]);
  return table(['layer', 'weight', 'SQNR'], rows, [2]);
}
