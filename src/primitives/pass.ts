/**
 * Recipes as data: lists of passes, each of which edits a model and says what it did.
 *
 * @module
 */

import type { Layer } from '../model/layer.ts';
import type { Model } from '../model/model.ts';
import { checkpoint, stageOf, type Tell, type WatchOptions } from '../model/progress.ts';
import { describeSkip, type SkipReason } from '../model/skip-reason.ts';

/** Called for everything that a step leaves alone. */
export type OnSkip = (reason: SkipReason) => void;

/** Asked before each edit, by the paths of its layers; where it gives a reason the edit is not made. */
export type Veto = (layers: readonly string[]) => SkipReason | undefined;

/** What every step takes besides the model. */
export interface StepOptions {
  /** Called with a reason for each layer that the step leaves alone. */
  readonly onSkip?: OnSkip;
  /**
   * Asked before each batch norm is folded (`[batch norm, layer]`) and each set scaled (its layers), by their paths. Where
   * it gives a reason they are left alone, and {@link onSkip} is told.
   */
  readonly veto?: Veto;
  /** Called with how much is done, and of how much: batch norms, layers or steps. */
  readonly onProgress?: Tell;
}

/**
 * One entry of a recipe. It can be run again, without some of its edits, once the model was restored.
 *
 * Whoever composes a recipe takes the passes of this package, such as `foldPass` and `scalePass`, and others of this form:
 *
 * ```ts
 * const unfreeze: Pass<'unfreeze', { readonly layers: readonly string[] }> = {
 *   name: 'unfreeze',
 *   keepsFunction: true,
 *   run(model) {
 *     const frozen = model.layers.filter(({ trainable }) => !trainable);
 *     for (const layer of frozen) layer.trainable = true;
 *     return { layers: frozen.map(({ path }) => path) };
 *   },
 * };
 * const records = await runPasses(model, [foldPass(), scalePass(), unfreeze]);
 * ```
 */
export interface Pass<Name extends string = string, Done extends object = object> {
  readonly name: Name;
  /** Whether the model must compute the same before and after it. */
  readonly keepsFunction: boolean;
  /** Edits `model`. What it did is plain data, with layers by their paths. */
  run(model: Model, context: PassContext): Done | Promise<Done>;
}

/** What a pass is told, and whom it tells. */
export interface PassContext extends StepOptions {
  readonly onSkip: OnSkip;
  readonly onProgress: Tell;
  /** Ends the pass when it is aborted; {@link onProgress} throws its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each edit that keeps the function, with what {@link StepOptions.veto} was asked by; others are no proof's matter. */
  readonly onEdit: (layers: readonly string[]) => void;
  /** What the passes before it did. */
  readonly earlier: readonly PassRecord[];
  /** The layers of the model before the first pass, by their paths: also those that have left it since. */
  readonly layers: ReadonlyMap<string, Layer>;
}

/** What a pass did: plain data. */
export type PassRecord<Name extends string = string, Done extends object = object> = Done & {
  readonly pass: Name;
  /** Its edits that keep the function, each by the paths of its layers, in order. */
  readonly edits: readonly (readonly string[])[];
  /** What it left alone, and why: the reasons, with their sentences. */
  readonly left: readonly (SkipReason & { readonly message: string })[];
};

/** The record of a kind of pass. */
export type RecordOf<One extends Pass> =
  One extends Pass<infer Name, infer Done> ? PassRecord<Name, Done> : never;

/** Called around each pass of a recipe, and within: each is a stage by its name. */
export interface PassWatch<Name extends string = string> extends WatchOptions {
  readonly before?: (pass: Name) => void;
  readonly after?: (pass: Name) => void;
}

/**
 * Runs the passes of a recipe, one after the other. Edits `model`.
 *
 * @param watch called around each pass, for progress and measurements
 * @returns what each did.
 * @throws the reason of the signal, which is looked at between passes and whenever one tells how far it is.
 */
export async function runPasses<One extends Pass>(
  model: Model,
  passes: readonly One[],
  watch: PassWatch<One['name']> = {},
): Promise<RecordOf<One>[]> {
  const layers = layersByPath(model);
  const records: RecordOf<One>[] = [];
  for (const pass of passes) {
    await checkpoint(watch);
    watch.before?.(pass.name);
    records.push(await runPass(model, pass, { earlier: records, layers, ...contextOf(pass, watch) }));
    watch.after?.(pass.name);
  }
  return records;
}

/** What a pass is watched with; the same for all its runs, where it is run again. */
export function contextOf({ name }: Pass, watch: WatchOptions): Pick<PassContext, 'onProgress' | 'signal'> {
  return { onProgress: stageOf(watch, name), signal: watch.signal };
}

/** Runs one pass of a recipe. Edits `model`. */
export async function runPass<One extends Pass>(
  model: Model,
  pass: One,
  context: Omit<PassContext, 'onSkip' | 'onEdit'>,
): Promise<RecordOf<One>> {
  const edits: PassRecord['edits'][number][] = [];
  const left: PassRecord['left'][number][] = [];
  let told = 1;
  const onProgress: Tell = (part, total) => {
    told = total;
    context.onProgress(part, total);
  };
  const done = await pass.run(model, {
    ...context,
    onProgress,
    onEdit: (layers) => void edits.push(layers),
    onSkip: (reason) => void left.push({ ...reason, message: describeSkip(reason) }),
  });
  onProgress(told, told);
  const record: PassRecord = { pass: pass.name, ...done, edits, left };
  return record as RecordOf<One>;
}

/** The layers of a model, also of nested ones, by their paths. */
export function layersByPath(model: Model): Map<string, Layer> {
  return new Map([...model.allLayers()].map(({ layer, path }) => [path, layer]));
}

export type FieldIn<One> = One extends object ? keyof One : never;

export type EntryOf<One, Field extends PropertyKey> =
  One extends Readonly<Record<Field, readonly (infer Entry)[]>> ? Entry : never;

/** The lists of that name in all records that have one, in one list: `allIn(records, 'folded')`. */
export function allIn<One extends object, Field extends FieldIn<One>>(
  records: readonly One[],
  field: Field,
): EntryOf<One, Field>[] {
  return records.flatMap((one): EntryOf<One, Field>[] => {
    const list = Object.entries(one).find(([name]) => name === field)?.[1];
    return Array.isArray(list) ? list : [];
  });
}
