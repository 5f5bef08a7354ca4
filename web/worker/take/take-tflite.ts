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
  TfjsRunner,
  UnsupportedModelError,
  writeTflite,
} from 'crosslayer';
import {
  checkForTflite,
  type IntegerPlan,
  inInference,
  integerQuantizer,
  integerRecipe,
  lowerPlan,
  operatorsNotTaken,
} from 'crosslayer/quantization';
import { besideOriginal, countedOperators, type RunOn } from 'crosslayer/report';
import {
  accuracyOf,
  forChoosing,
  inputRanges,
  integerModel,
  type ModelRun,
  recordRun,
  recordTflite,
} from 'crosslayer/verification';
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
export async function takeTflite(opened: Opened, asked: Asked, progress: Progress): Promise<TakenTflite> {
  const { weights, io, pictures } = asked;
  const { model, told } = opened;
  progress('Looking at the layers');
  const notes: string[] = [];
  checkLayers(model, (note) => notes.push(note));
  const runner = await TfjsRunner.create({ wasmPaths: `${pageFolder()}wasm/` });
  const on = await runOn(opened, asked, progress);
  progress('Running the model as it is');
  const original = await unlessNotRun(async () => {
    const run = await recordRun(model, { runner, inputs: on.tensors });
    // Labels that are none of its classes are refused before anything is made.
    if (on.labels) accuracyOf(run, on.labels, on.labelsSource);
    return run;
  });
  const samples = pictures.length > 0 ? { samples: { runner, inputs: forChoosing(on.tensors) } } : {};
  progress('Preparing weights');
  const { model: prepared } = await equalize(model, integerRecipe({ weights, ...samples }));
  progress('Finding the ranges of tensors');
  const { plan, ranges } = await integerModel(inInference(prepared), {
    weights: integerQuantizer({ weights }),
    inputRanges: inputRanges(model),
    ...samples,
    // None are made for a model whose statistics tell all.
    standIns: async () => ({ runner, inputs: seededInputs(model, { samples: MADE_UP }) }),
  });
  progress('Writing the file');
  const outputNames = plan.names.outputs.slice(0, model.outputs.length);
  const lowering = { io, outputNames };
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
    ...{ weights, io },
    bytes: { before: told.bytes, after: bytes.length },
    operators: countedOperators(graph.operators.map(({ op }) => op)),
    ranges: [...ranges.values()],
    notTaken: operatorsNotTaken(graph),
    ...(typeof original === 'string'
      ? { check: null, notVerified: original }
      : await proof(model, original, written, progress)),
  };
}

/** @throws UnsupportedModelError, with the layer and a way out that there is on the page. */
function checkLayers(model: Model, onNote: (note: string) => void): void {
  try {
    checkForTflite(model, { onNote });
  } catch (error) {
    if (!(error instanceof UnsupportedModelError && error.message.includes('--'))) throw error;
    const reason = `${error.message}; the page has no such option, the command crosslayer quantize has`;
    throw new UnsupportedModelError(error.feature, reason, { cause: error });
  }
}

/** The pictures that were chosen, those of the example, or samples that are made up. */
async function runOn(opened: Opened, { pictures, labels }: Asked, progress: Progress): Promise<RunOn> {
  if (pictures.length === 0 && !opened.samples) return madeUpInputs(opened.model, MADE_UP);
  const asked =
    pictures.length > 0 ? { pictures, ...(labels ? { labels } : {}) } : { pictures: 'example' as const };
  const samples = await pictureSamples(opened, asked, progress, Infinity);
  return {
    tensors: [samples.tensor],
    description: samples.description,
    ...(samples.labels ? { labels: samples.labels } : {}),
  };
}

interface Written {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly plan: IntegerPlan;
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
