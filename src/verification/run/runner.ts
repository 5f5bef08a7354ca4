/**
 * Runs models with tfjs-layers, a layer at a time.
 *
 * @module
 */

import type * as TfjsCore from '@tensorflow/tfjs-core';
import { CannotRunError } from '../../errors.ts';
import { buildGraph, type Graph, type GraphCall, type GraphTensor, neededCalls } from '../../model/graph.ts';
import { makesMask, passesMasksInside } from '../../model/masks.ts';
import type { Model } from '../../model/model.ts';
import type { ModelRunner, RunOptions } from '../../model/model-runner.ts';
import { checkpoint, stageOf, type WatchOptions, watchOf } from '../../model/progress.ts';
import { trainingEffect } from '../../model/training.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { checkInputs } from '../inputs/check-inputs.ts';
import { LoadedLayer } from './loaded-layer.ts';
import { joinBatches, slice } from './samples.ts';
import { fromTfjs, toTfjs } from './tensor-transfer.ts';
import { type Backend, type BackendOptions, inTurn, loadTfjs, type Tfjs } from './tfjs-backend.ts';

type Tensors = Map<GraphTensor, TfjsCore.Tensor>;

/** Samples that go through a model at a time, where the caller does not say, and bytes for what a layer reads and makes of them. */
const MOST_SAMPLES = 8;
const ACTIVATION_BYTES = 64 * 2 ** 20;
/** The same for the samples that go through a layer at a time: memory holds its input and its output of no more. */
const PIECE_BYTES = 16 * 2 ** 20;
/** With fewer batches each layer is loaded anew for every one, which takes less memory than all of them at once. */
const BATCHES_WITHOUT_KEEPING = 4;

/**
 * Runs models with tfjs-layers 4.22 on its WebAssembly backend with SIMD, or on its CPU backend.
 *
 * The graph is walked here, and each layer is made by tfjs-layers from the configuration that would be written to disk,
 * so that every tensor can be seen and memory holds the weights of one layer, where there is one batch. What tfjs-layers
 * lacks or computes otherwise than Keras are classes of this package, which no other user of TF.js sees.
 */
export class TfjsRunner implements ModelRunner {
  readonly #tfjs: Tfjs;
  readonly #watch: WatchOptions;

  private constructor(tfjs: Tfjs, watch: WatchOptions) {
    this.#tfjs = tfjs;
    this.#watch = watchOf(watch);
  }

  /**
   * Loads TF.js.
   *
   * @param options the backend, and who watches runs whose own options do not say.
   * @throws CannotRunError where its packages are not installed, or the backend that was asked for does not start.
   */
  static async create(options: BackendOptions & WatchOptions = {}): Promise<TfjsRunner> {
    return new TfjsRunner(await loadTfjs(options), options);
  }

  /** Where it computes. */
  get backend(): Backend {
    return this.#tfjs.backend;
  }

  /**
   * The outputs of `model`, in float32 or int32.
   *
   * TF.js has one backend in use at a time: while this works it is {@link backend}, afterwards the one before.
   *
   * @throws the reason of the signal; CannotRunError, with the layer, where TF.js cannot run it, or it is called in training mode and computes something
   * else then; RangeError where the inputs do not fit the model.
   */
  async run(model: Model, inputs: readonly Tensor[], given: RunOptions = {}): Promise<Tensor[]> {
    const options = { ...given, ...watchOf(given, this.#watch) };
    const tell = stageOf(options, 'run');
    const graph = buildGraph(model);
    const samples = checkInputs(graph, inputs);
    const calls = neededCalls(graph);
    for (const call of calls) refuseTraining(call);
    const batchSize = checkedBatchSize(options.batchSize) ?? fittingSamples(graph, ACTIVATION_BYTES);
    // Who watches sees whole batches.
    const pieceSize = options.onTensor ? batchSize : Math.min(batchSize, fittingSamples(graph, PIECE_BYTES));
    const { core, backend } = this.#tfjs;
    return inTurn(core, backend, async () => {
      const keepsLayers = samples > BATCHES_WITHOUT_KEEPING * batchSize;
      const pass = new Pass({ ...options, tfjs: this.#tfjs, model, graph, calls, keepsLayers });
      try {
        const batches: Tensor[][] = [];
        for (let start = 0; start < samples; start += batchSize) {
          tell(start, samples);
          await checkpoint(options);
          const end = Math.min(start + batchSize, samples);
          const pieces: Tensor[][] = [];
          for (let from = start; from < end; from += pieceSize) {
            const count = Math.min(pieceSize, end - from);
            pieces.push(inputs.map((tensor) => slice(tensor, from, count)));
          }
          batches.push(...(await pass.run(pieces)));
        }
        tell(samples, samples);
        return graph.outputs.map((_, index) => joinBatches(batches.map((batch) => batch[index] as Tensor)));
      } finally {
        pass.dispose();
      }
    });
  }
}

/** What goes through TF.js, and how. */
interface PassOptions extends RunOptions {
  readonly tfjs: Tfjs;
  readonly model: Model;
  readonly graph: Graph;
  /** The calls that the outputs depend on. */
  readonly calls: readonly GraphCall[];
  /** Layers stay loaded from batch to batch; with one batch each is loaded when its turn comes and then let go. */
  readonly keepsLayers: boolean;
}

/** Some samples on their way. */
interface Piece {
  readonly tensors: Tensors;
  readonly masks: Tensors;
  /** How often each tensor is still read. */
  readonly uses: Map<GraphTensor, number>;
}

/** A model on its way through TF.js. */
class Pass {
  readonly #options: PassOptions;
  readonly #layers = new Map<GraphCall, LoadedLayer>();
  readonly #hasMasks: boolean;
  /** How many steps the tensors have that TimeDistributed layers read. */
  readonly #steps = new Map<GraphTensor, number>();

  constructor(options: PassOptions) {
    this.#options = options;
    const { calls, model } = options;
    // Keras 3 computes masks with operators and passes them by name, but for what is inside of a model that is given one.
    const isNamed = calls.some(({ call }) => 'mask' in call.kwargs) && !passesMasksInside(model);
    this.#hasMasks = calls.some(({ layer }) => makesMask(layer)) && !isNamed;
  }

  /** The outputs of each piece: one goes through a layer after the other, and all through a layer before the next. */
  async run(inputs: readonly (readonly Tensor[])[]): Promise<Tensor[][]> {
    const { tfjs, graph, calls } = this.#options;
    const pieces: Piece[] = [];
    try {
      for (const given of inputs) {
        const piece: Piece = { tensors: new Map(), masks: new Map(), uses: usesOf(graph, calls) };
        pieces.push(piece);
        for (const [index, tensor] of graph.inputs.entries())
          piece.tensors.set(tensor, this.#watched(tensor, toTfjs(tfjs.core, given[index] as Tensor)));
      }
      for (const call of calls) await this.#runCall(call, pieces);
      return pieces.map(({ tensors }) =>
        graph.outputs.map((tensor) => fromTfjs(tensors.get(tensor) as TfjsCore.Tensor)),
      );
    } finally {
      for (const { tensors, masks } of pieces)
        for (const tensor of [...tensors.values(), ...masks.values()]) tensor.dispose();
    }
  }

  async #runCall(call: GraphCall, pieces: readonly Piece[]): Promise<void> {
    const { operation } = call.layer;
    const layer = operation.kind === 'steps' ? undefined : await this.#layerOf(call, pieces[0]?.tensors);
    try {
      for (const piece of pieces) {
        if (operation.kind === 'steps') this.#runSteps(call, operation.isExit, piece);
        else if (layer) await this.#runLayer(call, layer, piece);
        letGo(call, piece);
      }
    } finally {
      if (!this.#options.keepsLayers) layer?.dispose();
    }
  }

  async #layerOf(call: GraphCall, tensors: Tensors | undefined): Promise<LoadedLayer> {
    const { tfjs, keepsLayers } = this.#options;
    const fed = (tensor: GraphTensor): TfjsCore.Tensor => tensors?.get(tensor) as TfjsCore.Tensor;
    const layer = this.#layers.get(call) ?? (await LoadedLayer.load(tfjs, call, fed));
    if (keepsLayers) this.#layers.set(call, layer);
    return layer;
  }

  async #runLayer(call: GraphCall, layer: LoadedLayer, { tensors, masks }: Piece): Promise<void> {
    const made = await layer.run(
      layer.inputs.map((tensor) => tensors.get(tensor) as TfjsCore.Tensor),
      this.#masksFor(layer, tensors, masks),
    );
    for (const [index, tensor] of made.outputs.entries()) {
      const output = call.outputs[index] as GraphTensor;
      tensors.set(output, this.#watched(output, tensor));
    }
    for (const [index, mask] of made.masks.entries()) {
      const output = call.outputs[index];
      if (mask && output) masks.set(output, mask);
    }
  }

  /** An end of a TimeDistributed; what masks hide of the steps they hide behind it too. */
  #runSteps(call: GraphCall, isExit: boolean, { tensors, masks }: Piece): void {
    const { core } = this.#options.tfjs;
    const read = tensors.get(call.inputs[0] as GraphTensor) as TfjsCore.Tensor;
    const [samples = 0, ...rest] = read.shape;
    const output = call.output();
    if (!isExit) {
      const [steps = 1, ...inner] = rest;
      this.#steps.set(call.inputs[0] as GraphTensor, steps);
      tensors.set(output, this.#watched(output, core.reshape(read, [samples * steps, ...inner])));
      return;
    }
    const whole = call.stepsFrom as GraphTensor;
    const steps = this.#steps.get(whole) ?? 1;
    tensors.set(output, this.#watched(output, core.reshape(read, [samples / steps, steps, ...rest])));
    const mask = masks.get(whole);
    if (mask) masks.set(output, mask.clone());
  }

  /** The mask of each input: one that is passed by name goes with the first. */
  #masksFor(
    { inputs, mask }: LoadedLayer,
    tensors: Tensors,
    masks: Tensors,
  ): (TfjsCore.Tensor | undefined)[] | undefined {
    if (mask) return inputs.map((_, index) => (index === 0 ? tensors.get(mask) : undefined));
    return this.#hasMasks ? inputs.map((tensor) => masks.get(tensor)) : undefined;
  }

  /** The tensor, or what the watcher puts in its place. */
  #watched(tensor: GraphTensor, made: TfjsCore.Tensor): TfjsCore.Tensor {
    const { tfjs, onTensor, wantsTensor } = this.#options;
    if (!onTensor || wantsTensor?.(tensor) === false) return made;
    const replaced = onTensor(tensor, fromTfjs(made));
    if (!replaced) return made;
    made.dispose();
    return toTfjs(tfjs.core, replaced);
  }

  dispose(): void {
    for (const layer of this.#layers.values()) layer.dispose();
    this.#layers.clear();
  }
}

function checkedBatchSize(batchSize: number | undefined): number | undefined {
  if (batchSize === undefined || (Number.isSafeInteger(batchSize) && batchSize > 0)) return batchSize;
  throw new RangeError(`batchSize: ${batchSize} is no number of samples; give 1 or more`);
}

/** Of how many samples what each layer reads and makes takes no more than `bytes`. */
function fittingSamples(graph: Graph, bytes: number): number {
  const bytesOf = ({ shape }: GraphTensor): number =>
    4 * (shape ?? []).slice(1).reduce<number>((size, one) => size * (one ?? 1), 1);
  const largest = graph.calls.reduce((most, { inputs, outputs }) => {
    const sum = [...inputs, ...outputs].reduce((all, tensor) => all + bytesOf(tensor), 0);
    return Math.max(most, sum);
  }, 1);
  return Math.min(MOST_SAMPLES, Math.max(1, Math.floor(bytes / largest)));
}

/** @throws CannotRunError where a call computes something in training mode that TF.js does in inference alone. */
function refuseTraining(call: GraphCall): void {
  const effect = trainingEffect(call);
  if (effect === undefined) return;
  const { path, layer } = call;
  const reason = effect === 'chance' ? 'is random' : 'normalizes by the batch';
  throw new CannotRunError(
    path,
    `${layer.className} cannot be run: in training mode it ${reason}; here all layers run in inference`,
  );
}

/** Disposes what no later call reads. */
function letGo({ inputs, outputs }: GraphCall, { tensors, uses }: Piece): void {
  for (const tensor of inputs) uses.set(tensor, (uses.get(tensor) ?? 0) - 1);
  for (const tensor of [...inputs, ...outputs]) {
    if ((uses.get(tensor) ?? 0) > 0) continue;
    tensors.get(tensor)?.dispose();
    tensors.delete(tensor);
  }
}

/** How often each tensor is still read; the outputs of the model once more. */
function usesOf(graph: Graph, calls: readonly GraphCall[]): Map<GraphTensor, number> {
  const uses = new Map<GraphTensor, number>();
  for (const tensor of [...calls.flatMap(({ inputs }) => inputs), ...graph.outputs]) {
    uses.set(tensor, (uses.get(tensor) ?? 0) + 1);
  }
  return uses;
}
