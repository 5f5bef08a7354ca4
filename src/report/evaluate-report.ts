/**
 * What simulated quantization leaves of a model.
 *
 * @module
 */

import { InvalidModelError, UnsupportedModelError } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { checkRunnerArguments } from '../model/model-runner.ts';
import type { Shape } from '../model/operation.ts';
import { foldAllBatchNorms } from '../primitives/batch-norm-fold.ts';
import { fakeQuantize } from '../quantization/fake-quantize.ts';
import { INT8_ACTIVATIONS } from '../quantization/quantizer.ts';
import { parseQuantization, type QuantizationName } from '../quantization/weight-quantizations.ts';
import { weightSqnr } from '../quantization/weight-sqnr.ts';
import { named } from '../text/names.ts';
import { accuracyOf } from '../verification/comparing/accuracy.ts';
import { compareRuns, type MeasuredOutput, measuredOutputs } from '../verification/comparing/compare-runs.ts';
import { type ModelRun, type RecordOptions, recordRun } from '../verification/comparing/model-run.ts';
import {
  type GridRunOptions,
  isWholeInteger,
  recordOnGrids,
} from '../verification/comparing/record-on-grids.ts';
import { inputRangesOn } from '../verification/inputs/input-ranges.ts';
import { modelInputs } from '../verification/inputs/model-inputs.ts';
import type { Normalization } from '../verification/inputs/normalization.ts';
import { weightNotes } from './weight-notes.ts';

/** A model whose tensors between layers were of 8 bits too, with its batch norms folded, as integer converters fold them. */
export interface EvaluatedOnIntegers {
  /**
   * `whole-integer` where all is int8 and biases are int32, as the built-in kernels of TensorFlow Lite have it; `simulated` for
   * asymmetric kernels, which those refuse: with tensors on grids where AIMET's simulation has them, and float biases.
   */
  readonly kind: 'whole-integer' | 'simulated';
  /** Where the ranges of tensors are from: statistics of batch norms, or the inputs. */
  readonly ranges: RangesFrom;
  readonly outputs: readonly MeasuredOutput[];
  readonly accuracy: number | null;
}

/** Where the ranges of tensors come from. */
export type RangesFrom = GridRunOptions['ranges'];

/** A model that was run: the original, the model in float, or the model with quantized weights. */
export interface EvaluatedModel {
  readonly model: 'original' | 'float' | 'quantized';
  /** How its weights were quantized; null where they were not. */
  readonly quantizer: QuantizationName | null;
  /** What became of each output; empty for the original. */
  readonly outputs: readonly MeasuredOutput[];
  /** The share of samples whose class is right; null without labels or without an output of classes. */
  readonly accuracy: number | null;
  /** The same with tensors of 8 bits; null where that was not asked for, or makes no sense, or was not possible. */
  readonly integers: EvaluatedOnIntegers | null;
}

/** What a quantization leaves of a weight. */
export interface QuantizedLayer {
  readonly quantizer: QuantizationName;
  /** The path of the layer. */
  readonly layer: string;
  readonly weight: string;
  /** `10 log10(sum w^2 / sum (Q(w) - w)^2)` in dB. */
  readonly sqnrDb: number;
}

/**
 * Plain data: what `crosslayer evaluate --json` prints, where an infinite number is the text `Infinity` or `-Infinity`.
 */
export interface EvaluateReport {
  readonly schemaVersion: 1;
  readonly samples: number;
  readonly inputsDescription: string;
  readonly labelled: boolean;
  /** The original first, then the model in float where it is another, then a row for each quantizer. */
  readonly models: readonly EvaluatedModel[];
  /** The worst weight of each quantization first; empty where it was not asked for. */
  readonly layers: readonly QuantizedLayer[];
  /** What a reader of the numbers should know. */
  readonly notes: readonly string[];
}

/** How a model is evaluated. */
export interface EvaluateOptions extends Omit<RecordOptions, 'batchSize'> {
  /** What the inputs are, in words, for the report. */
  readonly inputsDescription?: string;
  /** The class of each sample. */
  readonly labels?: Int32Array | undefined;
  /** Where the labels come from, for messages. */
  readonly labelsSource?: string | undefined;
  /** What to compare with; the model itself in float where it is left out. */
  readonly original?: Model | undefined;
  /** One named twice is evaluated once. */
  readonly quantizers: readonly QuantizationName[];
  /** Whether to run them with tensors of 8 bits too, those of which that is the use (`int8-…`); `float`, not, where left out. */
  readonly activations?: 'int8' | 'float';
  /** Where the ranges of these tensors come from; `statistics` where it is left out, and inputs for what they do not tell. */
  readonly ranges?: RangesFrom;
  /** What becomes of the bytes of pictures, which decides the range of inputs; guessed where it is left out. */
  readonly normalization?: Normalization | undefined;
  /** Whether to measure the weights of each layer too. */
  readonly layers?: boolean;
  /** Called with what is run next. */
  readonly onModel?: (what: string) => void;
}

/**
 * Runs a model, its original, and the model with its weights quantized and dequantized in each way, one after the other,
 * and compares what they make of the same inputs with what the original makes of them. Which weights are quantized is
 * part of the name, see `QUANTIZATIONS`; all others stay in float, and so do activations, unless they are asked for on integers
 * too.
 *
 * @throws CannotRunError, with the layer, where a model cannot be run; UnsupportedModelError where the original has other
 * inputs or outputs, or a label is past the classes; InvalidModelError where a weight cannot be quantized; RangeError where
 * there is no quantization of a name; TypeError where the runner is none or the inputs are no list of Tensors.
 */
export async function evaluateModel(model: Model, options: EvaluateOptions): Promise<EvaluateReport> {
  const { original = model, inputs, labels, labelsSource, onModel = () => {} } = options;
  const quantizers = [...new Set(options.quantizers)];
  for (const name of quantizers) parseQuantization(name);
  checkRunnerArguments(options.runner, inputs);
  requireSameInputs(original, model);
  const notes = new Set<string>();
  onModel('the original');
  const reference = await recordRun(original, runOptions(options));
  const accuracy = (run: ModelRun): number | null =>
    labels ? (accuracyOf(run, labels, labelsSource)?.accuracy ?? null) : null;
  const models: EvaluatedModel[] = [
    { model: 'original', quantizer: null, outputs: [], accuracy: accuracy(reference), integers: null },
  ];
  const measured = (run: ModelRun): Pick<EvaluatedModel, 'outputs' | 'accuracy'> => ({
    outputs: compared(reference, run, notes),
    accuracy: accuracy(run),
  });
  const onIntegers = async (quantizer: QuantizationName): Promise<EvaluatedOnIntegers | null> => {
    if (options.activations !== 'int8' || !quantizer.startsWith('int8-')) return null;
    onModel(`${quantizer} with int8 activations`);
    const found = await integerRun(model, quantizer, { ...options, original }, notes);
    return found ? { ...found.how, ...measured(found.run) } : null;
  };
  const add = async (candidate: Model, quantizer: QuantizationName | null): Promise<void> => {
    onModel(quantizer ?? 'the model in float');
    const run = await recordRun(candidate, runOptions(options));
    models.push({
      model: quantizer === null ? 'float' : 'quantized',
      quantizer,
      ...measured(run),
      integers: quantizer === null ? null : await onIntegers(quantizer),
    });
  };
  if (original !== model) await add(model, null);
  for (const name of quantizers) {
    const { quantizer, weights } = parseQuantization(name);
    await add(fakeQuantize(model, quantizer, { weights }), name);
  }
  if (labels && models[0]?.accuracy === null)
    notes.add('no output looks like classes, so there is no accuracy');
  return {
    schemaVersion: 1,
    samples: inputs[0]?.shape[0] ?? 0,
    inputsDescription: options.inputsDescription ?? '',
    labelled: labels !== undefined,
    models,
    layers: options.layers === true ? quantizedLayers(model, quantizers) : [],
    notes: [...notes, ...weightNotes(model, original, quantizers)],
  };
}

/** The run with tensors of 8 bits; undefined, with a note, where a tensor or a weight cannot be put on a grid. */
async function integerRun(
  model: Model,
  quantizer: QuantizationName,
  options: EvaluateOptions & { readonly original: Model },
  notes: Set<string>,
): Promise<
  { readonly run: ModelRun; readonly how: Pick<EvaluatedOnIntegers, 'kind' | 'ranges'> } | undefined
> {
  const { original, normalization, ranges = 'statistics' } = options;
  const grids = { weights: parseQuantization(quantizer).quantizer, activations: INT8_ACTIVATIONS };
  const kind = isWholeInteger(grids) ? 'whole-integer' : 'simulated';
  try {
    const pixels = inputRangesOn(original, options.inputs, normalization);
    const folded = model.clone();
    foldAllBatchNorms(folded);
    const made = await recordOnGrids(folded, { ...runOptions(options), grids, ranges, inputRanges: pixels });
    if (made.measured.length > 0) notes.add(measuredNote(made.measured));
    return { run: made.run, how: { kind, ranges } };
  } catch (error) {
    if (!(error instanceof InvalidModelError)) throw error;
    notes.add(`${quantizer}: no int8 activations: ${error.message}`);
    return undefined;
  }
}

function measuredNote(layers: readonly string[]): string {
  const names = named(layers);
  return layers.length === 1
    ? `one tensor has its range from these inputs, because no statistics tell it: ${names}`
    : `${layers.length} tensors have their ranges from these inputs, because no statistics tell them: ${names}`;
}

/** What can be told without running the model: what each quantization leaves of its weights. */
export function evaluateWeights(
  model: Model,
  quantizers: readonly QuantizationName[],
  reason: string,
): EvaluateReport {
  const different = [...new Set(quantizers)];
  return {
    schemaVersion: 1,
    samples: 0,
    inputsDescription: '',
    labelled: false,
    models: [],
    layers: quantizedLayers(model, different),
    notes: [`not run: ${reason}`, ...weightNotes(model, model, different)],
  };
}

/** The weights of `model` by what each quantization leaves of them, the worst first. */
function quantizedLayers(model: Model, quantizers: readonly QuantizationName[]): QuantizedLayer[] {
  return quantizers.flatMap((name) => {
    const { quantizer, weights } = parseQuantization(name);
    return (
      weightSqnr(model, quantizer, { weights })
        .map(({ layer, weight, sqnr }) => ({ quantizer: name, layer, weight, sqnrDb: sqnr }))
        // Infinity minus Infinity is no order.
        .sort((one, other) => (one.sqnrDb === other.sqnrDb ? 0 : one.sqnrDb - other.sqnrDb))
    );
  });
}

/** Input values of a batch, about: eight photographs of 224 x 224. Small pictures go through in larger batches. */
const BATCH_VALUES = 8 * 224 * 224 * 3;
const LARGEST_BATCH = 64;

function runOptions({ runner, inputs }: EvaluateOptions): RecordOptions {
  const perSample = inputs.reduce((sum, { size, shape }) => sum + size / Math.max(1, shape[0] ?? 1), 0);
  const fitting = Math.floor(BATCH_VALUES / Math.max(1, perSample));
  return { runner, inputs, batchSize: Math.min(LARGEST_BATCH, Math.max(1, fitting)) };
}

function compared(reference: ModelRun, run: ModelRun, notes: Set<string>): MeasuredOutput[] {
  const [made, makes] = [reference, run].map(({ outputs }) => shapesText(outputs));
  if (made !== makes) {
    const reason = `the original makes ${made}, but the model makes ${makes}; they cannot be compared`;
    throw new UnsupportedModelError('outputs', reason);
  }
  const comparison = compareRuns(reference, run, { rtol: 0, atol: 0 });
  for (const note of comparison.notes) notes.add(note);
  return measuredOutputs(comparison.outputs);
}

function requireSameInputs(original: Model, model: Model): void {
  const [wanted, found] = [original, model].map((one) =>
    shapesText(modelInputs(one).map(({ shape }) => ({ shape: shape.slice(1) }))),
  );
  if (wanted === found) return;
  throw new UnsupportedModelError(
    'inputs',
    `the original takes ${wanted}, but the model takes ${found}; they cannot be run on the same samples`,
  );
}

function shapesText(tensors: readonly { readonly shape: Shape }[]): string {
  return tensors.map(({ shape }) => `[${shape.join(', ')}]`).join(', ');
}
