import { CannotRunError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { loadModel } from '../../node.ts';
import { QUANTIZATIONS, type QuantizationName } from '../../quantization/weight-quantizations.ts';
import {
  type EvaluatedModel,
  type EvaluateReport,
  evaluateModel,
  evaluateWeights,
} from '../../report/evaluate-report.ts';
import { reportJson } from '../../report/report-json.ts';
import { TfjsRunner } from '../../verification/run/runner.ts';
import { type ChosenInputs, chosenInputs, type InputOptions } from '../chosen-inputs.ts';
import { UsageError } from '../command-result.ts';
import { progress, progressDone, table } from '../terminal.ts';

/** Options of `crosslayer evaluate`. */
export interface EvaluateCommandOptions extends InputOptions {
  readonly against?: string;
  readonly quantizer: string;
  readonly layers?: boolean;
  readonly json?: boolean;
}

/** What `crosslayer evaluate` takes where `--quantizer` is left out. */
export const DEFAULT_QUANTIZERS = 'int8-per-tensor,int8-per-channel,tfjs-uint8,tfjs-uint8-kernels';
/** Made-up samples where there are no real ones and `--samples` is left out. */
const SEEDED_SAMPLES = 16;

/** Runs `crosslayer evaluate` and returns what goes to standard output. */
export async function evaluateCommand(input: string, options: EvaluateCommandOptions): Promise<string> {
  const quantizers = parseQuantizers(options.quantizer);
  if (options.labels !== undefined && options.inputs === undefined) {
    throw new UsageError('--labels: only inputs from --inputs have labels; give them too');
  }
  progress(`reading ${input}`);
  const model = await loadModel(input);
  const original = options.against === undefined ? undefined : await loadModel(options.against);
  try {
    const { tensors, description, labels, labelsSource } = await inputsFor(original ?? model, options);
    const report = await evaluateModel(model, {
      runner: await TfjsRunner.create(),
      inputs: tensors,
      inputsDescription: description,
      labels,
      labelsSource,
      original,
      quantizers,
      layers: options.layers === true,
      onProgress: (what) => progress(`running ${what}`),
    });
    progressDone();
    return options.json === true ? reportJson(report) : tables(report);
  } catch (error) {
    if (options.layers !== true || !(error instanceof CannotRunError)) throw error;
    // Weights can be measured without running anything.
    const report = evaluateWeights(model, quantizers, error.message);
    progressDone();
    return options.json === true ? reportJson(report) : tables(report);
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

async function inputsFor(model: Model, options: EvaluateCommandOptions): Promise<ChosenInputs> {
  progress('reading the inputs');
  if (options.inputs !== undefined)
    return chosenInputs(model, { ...options, labels: options.labels ?? true });
  const made = await chosenInputs(model, { ...options, samples: options.samples ?? SEEDED_SAMPLES });
  return { ...made, description: `${made.description}; real samples, given by --inputs, tell more` };
}

function tables(report: EvaluateReport): string {
  const { inputsDescription, models, layers, notes } = report;
  return [
    ...(inputsDescription === '' ? [] : [inputsDescription]),
    ...(models.length === 0 ? [] : [modelTable(report)]),
    ...[...new Set(layers.map(({ quantizer }) => quantizer))].map(
      (quantizer) =>
        `${quantizer}: what is left of the weights, the worst first\n${layerTable(report, quantizer)}`,
    ),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n\n');
}

function modelTable({ models, labelled }: EvaluateReport): string {
  const outputs = Math.max(...models.map((one) => one.outputs.length));
  const rows = models.flatMap((one) => {
    const accuracy = one.accuracy === null ? '-' : percent(one.accuracy);
    if (one.outputs.length === 0) return [[nameOf(one), ...(outputs > 1 ? [''] : []), '', '', accuracy]];
    return one.outputs.map(({ name, sqnrDb, top1Agreement }, index) => [
      index === 0 ? nameOf(one) : '',
      ...(outputs > 1 ? [name] : []),
      decibels(sqnrDb),
      top1Agreement === null ? '-' : percent(top1Agreement),
      index === 0 ? accuracy : '',
    ]);
  });
  const header = ['model', ...(outputs > 1 ? ['output'] : []), 'SQNR', 'same top-1', 'accuracy'];
  // Without labels the last column would be empty.
  const width = labelled ? header.length : header.length - 1;
  const right = header.map((_, column) => column).slice(outputs > 1 ? 2 : 1);
  return table(
    header.slice(0, width),
    rows.map((row) => row.slice(0, width)),
    right,
  );
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

function layerTable({ layers }: EvaluateReport, quantizer: QuantizationName): string {
  const rows = layers
    .filter((layer) => layer.quantizer === quantizer)
    .map(({ layer, weight, sqnrDb }) => [layer, weight, decibels(sqnrDb)]);
  return table(['layer', 'weight', 'SQNR'], rows, [2]);
}

/** With the digits that accuracies are compared by: on 2,000 samples one is 0.05 %. */
function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

function decibels(value: number): string {
  if (value === Infinity) return 'equal';
  return Number.isFinite(value) ? `${value.toFixed(1)} dB` : String(value);
}
