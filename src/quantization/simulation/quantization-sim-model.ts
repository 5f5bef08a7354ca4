import { InvalidModelError } from '../../errors.ts';
import { fakeQuantizeInteger } from '../../kernels/quantize.ts';
import { buildGraph, type GraphTensor, tensorKey } from '../../model/graph.ts';
import type { Layer } from '../../model/layer.ts';
import { type Call, Model } from '../../model/model.ts';
import { checkRunnerArguments, type ModelRunner, type RunOptions } from '../../model/model-runner.ts';
import { allocate, type FloatValues, isFloat } from '../../tensor/dtype.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { named } from '../../text/names.ts';
import { integerEncoding, integerGrids, type QuantizationEncoding } from '../encoding.ts';
import { placeOf } from '../integer/grid-groups.ts';
import type { TensorRange } from '../integer/range-grid.ts';
import { hasFloats } from '../integer/whole-numbers.ts';
import { quantizedTensor } from '../quantized-tensor.ts';
import type { LayerWeight } from '../quantized-weights.ts';
import {
  type ActivationQuantizer,
  checkActivationQuantizer,
  checkWeightQuantizer,
  INT8_ACTIVATIONS,
  type WeightQuantizer,
} from '../quantizer.ts';
import { type TensorGrid, weightGrid } from '../tensor-grid.ts';
import { ActivationRanges, originalCalls, type TensorPlace } from './activation-ranges.ts';
import {
  type ExportedEncodingLists,
  type ExportedEncodings,
  exportedEncodingLists,
  exportedEncodings,
} from './export-encodings.ts';
import { kerasVariableName, layerScopes, tensorNames } from './keras-tensor-names.ts';
import { quantizedActivations, simulatedParameters } from './quantizer-placement.ts';
import { RememberedLayers } from './remembered-layers.ts';

/** How {@link QuantizationSimModel} quantizes. */
export interface QuantizationSimOptions {
  /** 8 bits, symmetric, one range a tensor where it is left out, which is AIMET's default configuration. */
  readonly weights?: WeightQuantizer;
  /** 8 bits, asymmetric where it is left out. */
  readonly activations?: ActivationQuantizer;
}

/** The encodings of a weight: one, or one for each output channel. */
export interface WeightEncodings {
  readonly layer: Layer;
  /** The name of the weight, such as `kernel`. */
  readonly weight: string;
  /** The name that Keras gives to it, such as `conv/kernel:0`. */
  readonly name: string;
  readonly encodings: readonly QuantizationEncoding[];
}

/** The encoding of a tensor between layers. */
export interface ActivationEncoding {
  /** The layer whose output it is; undefined for the input of a Sequential that has no InputLayer. */
  readonly layer: Layer | undefined;
  /** The name that Keras gives to it, such as `conv/Relu:0`. */
  readonly name: string;
  readonly encoding: QuantizationEncoding;
}

const WEIGHTS: WeightQuantizer = { bits: 8, symmetric: true, perChannel: false, rounding: 'half-away' };

/**
 * A model as it would compute with quantized weights and activations, after AIMET's
 * `aimet_tensorflow.keras.quantsim.QuantizationSimModel` with its default configuration and the scheme
 * `post_training_tf` (smallest to largest value).
 *
 * {@link model} is a copy that can be edited by every step of this package, and folding follows by itself: encodings of
 * weights are those of the Tensor that a layer points at, and the one of a batch norm's output goes over to the layer that
 * it is folded into. After a step that changes activations, such as scaling, {@link computeEncodings} must be called
 * again; until then everything that needs their encodings throws.
 */
export class QuantizationSimModel {
  /** The model with float weights; fold its batch norms with `foldAllBatchNorms(sim.model)`. */
  readonly model: Model;
  readonly weights: WeightQuantizer;
  readonly activations: ActivationQuantizer;
  readonly #grids = new WeakMap<Tensor, TensorGrid>();
  #ranges: ActivationRanges | undefined;
  /** As they were when the ranges were taken. */
  #layers: RememberedLayers | undefined;

  /** @throws RangeError where a quantizer contradicts itself or has no integer grid; TypeError where `model` is none. */
  constructor(model: Model, options: QuantizationSimOptions = {}) {
    if (!(model instanceof Model)) throw new TypeError('expected a Model, such as loadModel gives');
    const { weights = WEIGHTS, activations = INT8_ACTIVATIONS } = options;
    checkWeightQuantizer(weights);
    checkActivationQuantizer(activations);
    if (weights.scheme === 'tfjs') {
      throw new RangeError('encodings are of integer grids; a tfjs quantizer is simulated by fakeQuantize');
    }
    this.model = model.clone();
    this.weights = weights;
    this.activations = activations;
  }

  /**
   * The encodings of all weights that are quantized, as the model now is.
   *
   * @throws InvalidModelError, with the layer, where a weight is NaN or infinite.
   */
  weightEncodings(): WeightEncodings[] {
    const scopes = layerScopes(this.model);
    return simulatedParameters(buildGraph(this.model)).map((parameter) => {
      const { layer, name } = parameter;
      const grid = this.#gridOf(parameter);
      return {
        layer,
        weight: name,
        name: kerasVariableName(scopes.get(layer) ?? layer.path, name),
        encodings: grid.scheme === 'integer' ? grid.encodings : [],
      };
    });
  }

  /**
   * The encodings of all quantized tensors whose range is known: none before {@link computeEncodings} or {@link setRanges}.
   *
   * @throws TypeError where a layer computes something else since then.
   */
  activationEncodings(): ActivationEncoding[] {
    this.#requireUnchanged();
    const graph = buildGraph(this.model);
    const names = tensorNames(this.model, graph);
    return [...quantizedActivations(graph)].flatMap((tensor) => {
      const encoding = this.#encodingOf({ maker: tensor.producer?.call, index: tensor.index });
      const name = names.get(tensor) ?? '';
      return encoding ? [{ layer: tensor.producer?.layer, name, encoding }] : [];
    });
  }

  /**
   * Runs the model with quantized weights and takes the ranges of its activations from these inputs, those of the model
   * with the samples first. What an earlier call took is forgotten.
   *
   * @throws InvalidModelError where a weight or an activation is NaN or infinite; TypeError where the runner is none or the
   * inputs are no list of Tensors; what the runner throws.
   */
  async computeEncodings(
    runner: ModelRunner,
    inputs: readonly Tensor[],
    options: Pick<RunOptions, 'batchSize'> = {},
  ): Promise<void> {
    checkRunnerArguments(runner, inputs);
    const ranges = new ActivationRanges();
    await this.#run(runner, inputs, options, (place, tensor, values) => {
      ranges.take(place, tensor, values);
      return undefined;
    });
    this.#ranges = ranges;
    this.#layers = new RememberedLayers(this.model);
  }

  /**
   * Takes the ranges of activations from elsewhere, such as `expectedRanges` of `crosslayer/quantization`, which has them from
   * statistics, without data. Tensors that are not among them keep those of an earlier call, unless the model was edited since.
   *
   * @param ranges by the `tensorKey` of tensors of {@link model}; others are passed over
   * @throws InvalidModelError where a range is not finite, or that of a tensor is not known then, with the first of such tensors
   * by name; nothing was changed.
   */
  setRanges(ranges: ReadonlyMap<string, TensorRange>): void {
    const earlier = this.#layers?.changedLayer(this.model) ? undefined : this.#ranges;
    const taken = new ActivationRanges();
    const unknown: GraphTensor[] = [];
    for (const tensor of quantizedActivations(buildGraph(this.model))) {
      const place = { maker: tensor.producer?.call, index: tensor.index };
      const range = ranges.get(tensorKey(tensor)) ?? earlier?.of(place);
      if (range) taken.set(place, finite(range, tensor));
      else if (hasFloats(tensor)) unknown.push(tensor);
    }
    const [first] = unknown;
    if (first) {
      throw new InvalidModelError(
        first.producer?.path ?? '',
        `there is no range for ${named(unknown.map(placeOf))}; call computeEncodings with inputs first, or give theirs too`,
      );
    }
    this.#ranges = taken;
    this.#layers = new RememberedLayers(this.model);
  }

  /**
   * The outputs with quantized weights and activations.
   *
   * @throws TypeError as {@link computeEncodings}, and where it has not been called, or a tensor came into the model or a
   * layer computes something else since; what the runner throws.
   */
  async run(
    runner: ModelRunner,
    inputs: readonly Tensor[],
    options: Pick<RunOptions, 'batchSize'> = {},
  ): Promise<Tensor[]> {
    checkRunnerArguments(runner, inputs);
    if (!this.#ranges)
      throw new TypeError(
        'call computeEncodings first, or setRanges: the ranges of activations are not known',
      );
    this.#requireUnchanged();
    return this.#run(runner, inputs, options, (place, tensor, values) => {
      if (!isFloat(values.dtype)) return undefined;
      const encoding = this.#encodingOf(place);
      if (encoding) return fakeQuantizeActivation(values, encoding, this.activations);
      throw new TypeError(
        `${tensor.producer?.path ?? 'input'}: the range of output ${tensor.index} is not known; the model was edited ` +
          'since computeEncodings was called, so call it again',
      );
    });
  }

  /**
   * All encodings as AIMET exports them for its on-target tools; those of activations only after
   * {@link computeEncodings} or {@link setRanges}.
   *
   * @throws InvalidModelError, with the layer, where a weight is NaN or infinite; TypeError as
   * {@link activationEncodings}; RangeError where there is no such format.
   */
  exportEncodings(options: { readonly format: '1.0.0' }): ExportedEncodingLists;
  exportEncodings(options?: { readonly format?: '0.6.1' }): ExportedEncodings;
  exportEncodings({
    format = '0.6.1',
  }: {
    readonly format?: '0.6.1' | '1.0.0';
  } = {}): ExportedEncodings | ExportedEncodingLists {
    if (format !== '0.6.1' && format !== '1.0.0') {
      throw new RangeError(`format: encodings are exported as 0.6.1 or 1.0.0, not ${String(format)}`);
    }
    const activations = this.activationEncodings().map(({ name, encoding }) => [name, [encoding]] as const);
    const parameters = this.weightEncodings().map(({ name, encodings }) => [name, encodings] as const);
    return format === '0.6.1'
      ? exportedEncodings(activations, parameters, this)
      : exportedEncodingLists(activations, parameters, this);
  }

  async #run(
    runner: ModelRunner,
    inputs: readonly Tensor[],
    options: Pick<RunOptions, 'batchSize'>,
    onActivation: (place: TensorPlace, tensor: GraphTensor, values: Tensor) => Tensor | undefined,
  ): Promise<Tensor[]> {
    const copy = this.model.clone();
    const graph = buildGraph(copy);
    for (const { layer, name, tensor } of this.#quantizedParameters(simulatedParameters(graph))) {
      layer.weights.set(name, tensor);
    }
    const calls = originalCalls(this.model, copy);
    // The runner makes a graph of its own, so tensors are known by the calls that make them.
    const wanted = new Map<Call | undefined, Set<number>>();
    for (const { producer, index } of quantizedActivations(graph)) {
      const indices = wanted.get(producer?.call) ?? new Set();
      wanted.set(producer?.call, indices.add(index));
    }
    return runner.run(copy, inputs, {
      ...options,
      // The ends of a TimeDistributed stand in the same call as the layer between them.
      wantsTensor: ({ producer, index }) =>
        producer?.layer.operation.kind !== 'steps' && (wanted.get(producer?.call)?.has(index) ?? false),
      onTensor: (tensor, values) => {
        const { producer, index } = tensor;
        return onActivation({ maker: producer && calls.get(producer.call), index }, tensor, values);
      },
    });
  }

  #quantizedParameters(parameters: readonly LayerWeight[]): LayerWeight[] {
    return parameters.map((parameter) => ({
      ...parameter,
      tensor: quantizedTensor(parameter.tensor, this.#gridOf(parameter)),
    }));
  }

  #gridOf({ layer, name, tensor }: LayerWeight): TensorGrid {
    let grid = this.#grids.get(tensor);
    if (!grid) {
      grid = weightGrid(layer, name, tensor, this.weights);
      this.#grids.set(tensor, grid);
    }
    return grid;
  }

  #requireUnchanged(): void {
    const layer = this.#layers?.changedLayer(this.model);
    if (!layer) return;
    throw new TypeError(
      `${layer.path}: its weights or its activation were edited after computeEncodings; ` +
        'call computeEncodings again',
    );
  }

  #encodingOf(place: TensorPlace): QuantizationEncoding | undefined {
    const range = this.#ranges?.of(place);
    return range && integerEncoding(range.min, range.max, this.activations);
  }
}

function finite({ min, max }: TensorRange, tensor: GraphTensor): TensorRange {
  if (Number.isFinite(max - min) && min <= max) return { min, max };
  throw new InvalidModelError(
    tensor.producer?.path ?? '',
    `${placeOf(tensor)} has the range ${min} to ${max}; only a finite one can be quantized`,
  );
}

/** `values` on the grid of the encoding, in their own dtype. */
function fakeQuantizeActivation(
  values: Tensor,
  encoding: QuantizationEncoding,
  { rounding }: ActivationQuantizer,
): Tensor {
  const source = values.values() as FloatValues;
  const target = allocate(values.dtype, source.length) as FloatValues;
  const layout = { channels: 1, inner: Math.max(1, source.length) };
  fakeQuantizeInteger(source, 0, layout, integerGrids([encoding]), rounding, target);
  return Tensor.of(values.dtype, values.shape, target);
}
