/**
 * Writing TF.js layers models: model.json and its shards, as `tensorflowjs_converter` makes them.
 *
 * @module
 */

import { scriptJson } from '../../json/python-json.ts';
import { isObject, type JsonObject } from '../../json/value.ts';
import type { Model } from '../../model/model.ts';
import { modelWith } from '../../model/replace-layers.ts';
import type { DType } from '../../tensor/dtype.ts';
import { named } from '../../text/names.ts';
import type { ByteSink, OutputFiles } from '../bytes.ts';
import { configTextOf } from '../config-text.ts';
import type { UnsupportedLayer, WriteReport } from '../format.ts';
import { capsAsLayers } from '../keras-config/caps-as-layers.ts';
import { withMasksOf } from '../keras-config/dialects/masks.ts';
import { operatorsAsLayers } from '../keras-config/dialects/replaced-operators.ts';
import { withStockForms } from '../keras-config/forms/stock-forms.ts';
import type { Warn } from '../keras-config/tfjs/config-entries.ts';
import { withDistinctNames } from '../keras-config/tfjs/distinct-names.ts';
import { refusedEntries } from '../keras-config/tfjs/refused-entries.ts';
import { writeModelConfig } from '../keras-config/write-model.ts';
import { lostState } from '../lost-state.ts';
import { Pauses } from '../pause.ts';
import { readWeightBytes } from './decode.ts';
import { encodeWeight } from './encode.ts';
import { fileName } from './manifest.ts';
import { type TfjsOrigin, tfjsOrigin } from './origin.ts';
import { type PlannedGroup, type PlannedWeight, planWeights, type WeightPlan } from './plan-weights.ts';
import { tfjsConfig } from './tfjs-config.ts';

/** Bytes copied at a time. */
const COPY_BYTES = 4 * 2 ** 20;
/** The Keras whose configurations the dialect of TF.js is. */
const KERAS_VERSION = '2.15.0';

/**
 * Writes `model` as model.json (to `files.main`) and shards beside it.
 *
 * A model that was read from TF.js files and that TF.js opens keeps all that was not edited, bit for bit: entries of model.json,
 * groups, shards, quantized bytes. A tensor that is packed is written so. An edited weight becomes float32, because 8 bits cannot
 * hold it without loss; quantize the result again. From another format the configuration is brought into the form that
 * tfjs-layers 4.22 loads; what it has no class for is written all the same, for a class that the page registers, and
 * reported.
 *
 * @throws UnsupportedModelError where TF.js could not tell two layers apart, or has no form for a layer or a value.
 */
export async function writeTfjsLayers(
  model: Model,
  files: OutputFiles,
  options: { readonly shardBytes?: number } = {},
): Promise<WriteReport> {
  const { document, report, isKept } = await writeShards(model, files, options);
  const lost: string[] = [];
  const text = scriptJson(document, await textOf(model, isKept), (place, number) => {
    lost.push(`${place} (${number})`);
  });
  files.main.write(0, new TextEncoder().encode(text));
  if (lost.length === 0) return report;
  const sentence = `written as null, because TF.js cannot read a model.json with NaN or Infinity: ${named(lost)}`;
  return { ...report, warnings: [...report.warnings, sentence] };
}

const REPAIRED =
  'tensorflowjs_converter wrote this model under Keras 3, in a form that TF.js does not open; now it has the form that TF.js opens';

/**
 * The origin of a model of TF.js that is written as it was read: TF.js opens it so, or opens no more of it in another form, as
 * where a page has classes of its own.
 */
function keptOrigin(model: Model): TfjsOrigin | undefined {
  const origin = tfjsOrigin(model);
  if (!origin?.isLoadable) return undefined;
  const refused = refusedEntries(writeModelConfig(model)).length;
  if (refused === 0) return origin;
  const other = tfjsConfig(
    inLayersOfTfjs(modelWith(model, { origin: undefined }), [], () => {}),
    () => {},
  );
  return refusedEntries(other).length < refused ? undefined : origin;
}

/** The text of model.json with the numbers as they were read. */
async function textOf(model: Model, isKept: boolean): Promise<string | undefined> {
  const read = await configTextOf(model);
  if (tfjsOrigin(model) && !isKept) return undefined;
  return read && (tfjsOrigin(model) ? read.text : `{"modelTopology":{"model_config":${read.text}}}`);
}

/** As {@link writeTfjsLayers}, but for model.json, which is returned; and whether it is as it was read, but for what was edited. */
export async function writeShards(
  given: Model,
  files: OutputFiles,
  options: { readonly shardBytes?: number } = {},
): Promise<{ readonly document: JsonObject; readonly report: WriteReport; readonly isKept: boolean }> {
  const origin = keptOrigin(capsAsLayers(given));
  const warnings: string[] = [];
  const unsupported: UnsupportedLayer[] = [];
  const notes: string[] = [];
  const read = tfjsOrigin(given);
  if (read && !read.isLoadable) notes.push(REPAIRED);
  // What cannot be kept is written as from any other format.
  const capped = capsAsLayers(origin ? given : modelWith(given, { origin: undefined }));
  const warn: Warn = (warning, layer) => {
    warnings.push(warning);
    if (layer) unsupported.push({ ...layer, warning });
  };
  const model = origin ? capped : inLayersOfTfjs(capped, notes, warn);
  const config = tfjsConfig(model, warn);
  const main = fileName(files.main.name);
  const plan = withNewNames(planWeights(model, { ...options, main }), files);
  const pauses = new Pauses();
  for (const group of plan.groups) await writeGroup(group, files, pauses);
  const weightsManifest = plan.groups.map(({ weights, shards }) => ({
    paths: shards.map(({ path }) => path),
    weights: weights.map(({ entry }) => entry),
  }));
  const document: JsonObject = origin
    ? { ...withModelConfig(origin.document, config), weightsManifest }
    : {
        format: 'layers-model',
        generatedBy: `keras v${KERAS_VERSION}`,
        convertedBy: 'Crosslayer',
        modelTopology: { keras_version: KERAS_VERSION, backend: 'tensorflow', model_config: config },
        weightsManifest,
      };
  const dropped = origin ? droppedBy(plan) : lostState(given);
  return {
    document,
    isKept: origin !== undefined,
    report: {
      dropped,
      warnings: [...warnings, ...changedTypes(model, plan)],
      ...(unsupported.length > 0 ? { unsupported } : {}),
      ...(notes.length > 0 ? { notes } : {}),
    },
  };
}

/** With layers that TF.js has in the place of those that it lacks, and of operators. */
function inLayersOfTfjs(model: Model, notes: string[], warn: Warn): Model {
  const masked = withMasksOf(model, 'tfjs', warn);
  const stock = withStockForms(operatorsAsLayers(masked, 'keras2'), 'tfjs', ({ layer, classes }) => {
    notes.push(`${layer.path} (${layer.className}): written as ${classes.join(', ')}; it computes the same`);
  });
  return withDistinctNames(stock, (note) => void notes.push(note));
}

/** The document with another configuration in the place of the one that it had. */
function withModelConfig(document: JsonObject, config: JsonObject): JsonObject {
  const topology = isObject(document['modelTopology']) ? document['modelTopology'] : {};
  const replaced = isObject(topology['model_config'])
    ? { ...topology, model_config: config }
    : { ...topology, ...config };
  return { ...document, modelTopology: replaced };
}

/** Shards with other names than those of the model that is replaced, where the files say so. */
function withNewNames(plan: WeightPlan, files: OutputFiles): WeightPlan {
  const groups = plan.groups.map((group) => ({
    ...group,
    shards: group.shards.map(({ path, size }) => ({ path: files.nameFor?.(path) ?? path, size })),
  }));
  return { ...plan, groups };
}

async function writeGroup(group: PlannedGroup, files: OutputFiles, pauses: Pauses): Promise<void> {
  const shards = group.shards.values();
  let sink: ByteSink | undefined;
  let room = 0;
  for (const weight of group.weights) {
    for (const bytes of bytesOf(weight)) {
      for (let done = 0; done < bytes.length; ) {
        while (room === 0) {
          const next = shards.next();
          if (next.done) throw new RangeError(`${weight.name} has more bytes than planned`);
          sink = files.create(next.value.path);
          room = next.value.size;
        }
        const count = Math.min(room, bytes.length - done);
        sink?.write(sink.size, bytes.subarray(done, done + count));
        done += count;
        room -= count;
      }
      await pauses.after(bytes.length);
    }
  }
  // Empty files that the group had.
  for (const { path } of shards) files.create(path);
}

function* bytesOf(weight: PlannedWeight): Generator<Uint8Array> {
  if ('tensor' in weight) {
    yield* encodeWeight(weight.tensor, weight.name);
    return;
  }
  if ('packed' in weight) {
    for (const { buffer, byteOffset, byteLength } of weight.packed.pieces()) {
      yield new Uint8Array(buffer, byteOffset, byteLength);
    }
    return;
  }
  for (let start = 0; start < weight.byteLength; start += COPY_BYTES) {
    yield readWeightBytes(weight.raw, start, Math.min(COPY_BYTES, weight.byteLength - start));
  }
}

function droppedBy(plan: WeightPlan): string[] {
  const { droppedOptimizer } = plan;
  if (droppedOptimizer.length === 0) return [];
  return [
    `optimizer state (${droppedOptimizer.length} weights): it belongs to the weights before they were edited`,
  ];
}

function changedTypes(model: Model, plan: WeightPlan): string[] {
  const changed = new Map<DType, string[]>();
  for (const weight of plan.groups.flatMap(({ weights }) => weights)) {
    if (!('tensor' in weight) || weight.tensor.dtype === weight.entry['dtype']) continue;
    const names = changed.get(weight.tensor.dtype);
    if (names) names.push(weight.name);
    else changed.set(weight.tensor.dtype, [weight.name]);
  }
  const sentences = [...changed].map(([dtype, names]) => {
    const how = dtype === 'float64' ? 'rounded to' : 'stored as';
    const to = dtype.includes('float') ? 'float32' : 'int32';
    return `${count(names)} of ${dtype} ${names.length === 1 ? 'is' : 'are'} ${how} ${to}: ${shown(names)}`;
  });
  if (plan.unpacked.length > 0) {
    const total = [...model.allLayers()].reduce((sum, { layer }) => sum + layer.weights.size, 0);
    // Whoever packed others has quantized the model just now.
    const isQuantized = plan.groups.some(({ weights }) => weights.some((weight) => 'packed' in weight));
    const advice = isQuantized ? '' : '; quantize the model again, best from its float original';
    sentences.push(
      `${plan.unpacked.length} of ${total} weights were quantized and are float32 now, because they were edited: ` +
        `${shown(plan.unpacked)}${advice}`,
    );
  }
  return sentences;
}

function count(names: readonly string[]): string {
  return names.length === 1 ? 'a weight' : `${names.length} weights`;
}

function shown(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ');
}
