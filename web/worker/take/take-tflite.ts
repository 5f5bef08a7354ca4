/**
 * A `.tflite` file in whole numbers, made as the command makes it, and run by LiteRT.
 *
 * @module
 */

import {
  CannotRunError,
  equalize,
  type Model,
  seededInputs,
  type Tensor,
  TfjsRunner,
  UnsupportedModelError,
  writeTflite,
} from 'crosslayer';
import {
  checkForTflite,
  type FloatPlan,
  floatRecipe,
  type IntegerPlan,
  inInference,
  integerQuantizer,
  integerRecipe,
  layersInFloat,
  lowerPlan,
  operatorsNotTaken,
  withInputShapes,
} from 'crosslayer/quantization';
import { besideOriginal, countedOperators, type RunOn } from 'crosslayer/report';
import {
  accuracyOf,
  floatModel,
  forChoosing,
  inputRanges,
  integerModel,
  type ModelRun,
  type ModelRunner,
  recordRun,
  recordTflite,
} from 'crosslayer/verification';
import { inWordsOfThePage } from '../../option-labels.ts';
import type { Operations, TakenTflite } from '../../protocol.ts';
import { pictureSamples } from '../compare/picture-samples.ts';
import { isOutOfMemory } from '../describe-error.ts';
import { madeUpInputs } from '../made-up-inputs.ts';
import type { Opened } from '../open/opened.ts';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import { startLitert } from './litert.ts';

type Asked = Operations['takeTflite']['asked'];

/** Samples that are made up where there are no pictures, for proof and for tensors of which no statistics tell. */
const MADE_UP = 8;

/** Makes the file of the model that is open, and runs it beside that. */
export async function takeTflite(given: Opened, asked: Asked, progress: Progress): Promise<TakenTflite> {
  const { weights, dense, io, float, allowFloat, pictures } = asked;
  const opened = { ...given, model: withShapes(given.model, asked) };
  const { model, told } = opened;
  progress('Looking at the layers');
  const notes: string[] = [];
  checkLayers(model, { float, allowFloat, onNote: (note) => notes.push(note) });
  const runner = await TfjsRunner.create({ wasmPaths: `${pageFolder()}wasm/` });
  const on = await runOn(opened, asked, progress);
  progress('Running the model as it is');
  const original = await unlessNotRun(async () => {
    const run = await recordRun(model, { runner, inputs: on.tensors });
    // Labels that are none of its classes are refused before anything is made.
    if (on.labels) accuracyOf(run, on.labels, on.labelsSource);
    return run;
  });
  const samples = pictures.length > 0 ? { runner, inputs: forChoosing(on.tensors) } : undefined;
  const { plan, ranges } = await planned(model, asked, { runner, samples, progress });
  progress('Writing the file');
  const outputNames = plan.names.outputs.slice(0, model.outputs.length);
  const lowering = { io: float ? 'float32' : io, allowFloat, outputNames } as const;
  const graph = lowerPlan(plan, lowering);
  const bytes = writeTflite(plan, lowering);
  const fileName = `${told.fileName.replace(/\.[^.]*$/, '') || 'model'}.tflite`;
  const written = { name: fileName, bytes, plan, on };
  return {
    download: {
      fileName,
      blob: new Blob([new Uint8Array(bytes)], { type: 'application/octet-stream' }),
      notes,
    },
    ...{ weights, dense, float, io: lowering.io },
    bytes: { before: told.bytes, after: bytes.length },
    operators: countedOperators(graph.operators.map(({ op }) => op)),
    inFloat: float ? [] : layersInFloat(graph),
    ranges,
    // What a quantizer makes of a float file is what hardware has to take.
    notTaken: float ? [] : operatorsNotTaken(graph),
    ...(typeof original === 'string'
      ? { check: null, notVerified: original }
      : await proof(model, original, written, progress)),
  };
}

/** The numbers of the file, and where the ranges of its tensors are from. */
async function planned(
  model: Model,
  { weights, dense, float, rounding, correction, normalization }: Asked,
  {
    runner,
    samples,
    progress,
  }: {
    readonly runner: ModelRunner;
    readonly samples: { readonly runner: ModelRunner; readonly inputs: readonly Tensor[] } | undefined;
    readonly progress: Progress;
  },
): Promise<{ readonly plan: FloatPlan | IntegerPlan; readonly ranges: TakenTflite['ranges'] }> {
  progress('Preparing weights');
  if (float) {
    const { model: prepared } = await equalize(model, floatRecipe({ weights }));
    return { plan: floatModel(inInference(prepared)), ranges: [] };
  }
  const measured = samples ? { samples } : {};
  const recipe = integerRecipe({
    ...{ weights, dense, rounding },
    ...(correction ? {} : { biasCorrection: 'none' }),
    ...measured,
  });
  const { model: prepared } = await equalize(model, recipe);
  progress('Finding the ranges of tensors');
  const { plan, ranges } = await integerModel(inInference(prepared), {
    weights: integerQuantizer({ weights, dense }),
    inputRanges: inputRanges(model, normalization),
    ...measured,
    // None are made for a model whose statistics tell all.
    standIns: async () => ({ runner, inputs: seededInputs(model, { samples: MADE_UP, normalization }) }),
  });
  return { plan, ranges: [...ranges.values()] };
}

/** @throws UnsupportedModelError where the shapes are not those of inputs. */
function withShapes(model: Model, { inputShape }: Asked): Model {
  if (inputShape.length === 0) return model;
  try {
    return withInputShapes(model, inputShape);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UnsupportedModelError('inputs', `Sizes of inputs: ${error.message}`, { cause: error });
  }
}

/** @throws UnsupportedModelError, with the layer and a way out that there is on the page. */
function checkLayers(model: Model, options: Parameters<typeof checkForTflite>[1]): void {
  try {
    checkForTflite(model, options);
  } catch (error) {
    if (!(error instanceof UnsupportedModelError && error.message.includes('--'))) throw error;
    throw new UnsupportedModelError(error.feature, inWordsOfThePage(error.message), { cause: error });
  }
}

/** The pictures that were chosen, those of the example, or samples that are made up. */
async function runOn(
  opened: Opened,
  { pictures, labels, normalization }: Asked,
  progress: Progress,
): Promise<RunOn> {
  if (pictures.length === 0 && !opened.samples) return madeUpInputs(opened.model, MADE_UP, normalization);
  const asked =
    pictures.length > 0 ? { pictures, ...(labels ? { labels } : {}) } : { pictures: 'example' as const };
  const samples = await pictureSamples(opened, { ...asked, normalization }, progress, Infinity);
  return {
    tensors: [samples.tensor],
    description: samples.description,
    ...(samples.labels ? { labels: samples.labels } : {}),
  };
}

interface Written {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly plan: FloatPlan | IntegerPlan;
  readonly on: RunOn;
}

async function proof(
  model: Model,
  original: ModelRun,
  { name, bytes, plan, on }: Written,
  progress: Progress,
): Promise<Pick<TakenTflite, 'check' | 'notVerified'>> {
  progress('Loading LiteRT');
  const run = await unlessNotRun(async () => {
    const litert = await startLitert();
    progress('Running the file by LiteRT');
    return recordTflite(model, { litert, name, bytes, plan, inputs: on.tensors });
  });
  return typeof run === 'string'
    ? { check: null, notVerified: run }
    : { check: besideOriginal(original, run, on), notVerified: null };
}

/** What `work` gives, or why it cannot be run: the file is made all the same. */
async function unlessNotRun(work: () => Promise<ModelRun>): Promise<ModelRun | string> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CannotRunError) return error.message;
    if (isOutOfMemory(error)) return 'the browser has not enough memory to run it';
    throw error;
  }
}
