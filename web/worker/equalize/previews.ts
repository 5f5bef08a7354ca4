import { CrosslayerError, type Model, type Relu6Policy } from 'crosslayer';
import {
  activationMoments,
  kernelNoise,
  layersQuantizedBefore,
  parseQuantizer,
  type Relu6Damage,
  relu6Damage,
} from 'crosslayer/quantization';
import { count, gridOf, plainModel, tinyPercent } from 'crosslayer/report';
import type { Preview } from '../../protocol.ts';
import type { Trials } from './trials.ts';

/** What a preview is of. */
type Choice = Pick<Preview, 'target' | 'relu6'>;

/** What targets and ReLU6 policies are expected to do to a model, which is neither changed nor run. */
export class Previews {
  readonly #trials: Trials;
  readonly #relu6Damages: () => readonly Relu6Damage[];
  /** Null where the model came on a grid: equalizing takes it off, and rounds it a second time. */
  readonly #floatNoise: () => number | null;

  constructor(model: Model, trials: Trials) {
    this.#trials = trials;
    this.#relu6Damages = once(() => relu6Damage(model));
    this.#floatNoise = once(() =>
      layersQuantizedBefore(model).length > 0 ? null : noiseOf(plainModel(model, 'float')),
    );
  }

  /** The preview of a choice. */
  async of({ target, relu6 }: Choice): Promise<Preview> {
    try {
      const { model, addedLayers } = await this.#trials.trial({ target, relu6 });
      const gainDb =
        target === 'float'
          ? gainBetween(this.#floatNoise(), noiseOf(model))
          : (await this.#trials.damage({ target, relu6 })).improvementDb;
      const cost = costOf({ target, relu6 }, { addedLayers, damages: this.#relu6Damages() });
      return { target, relu6, gainDb, cost, obstacle: null };
    } catch (error) {
      if (!(error instanceof CrosslayerError)) throw error;
      return { target, relu6, gainDb: null, cost: '', obstacle: error.message };
    }
  }
}

/**
 * The expected squared error of the outputs on the grid that float models are shown on; null where one of the kernels is not
 * known. Their biases are not corrected, which is why this is no {@link Trials.damage}.
 */
function noiseOf(model: Model): number | null {
  const noises = kernelNoise(model, activationMoments(model), parseQuantizer(gridOf('float')));
  return noises.every(({ isKnown }) => isKnown) ? noises.reduce((sum, { damage }) => sum + damage, 0) : null;
}

function gainBetween(before: number | null, after: number | null): number | null {
  const isKnown = before !== null && after !== null && before > 0 && after > 0;
  const decibels = isKnown ? 10 * Math.log10(before / after) : NaN;
  return Number.isFinite(decibels) ? decibels : null;
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function costOf(
  { target, relu6 }: Choice,
  { addedLayers, damages }: { readonly addedLayers: number; readonly damages: readonly Relu6Damage[] },
): string {
  switch (target) {
    case 'tfjs-uint8':
      return 'Weights are rounded here already, so the model changes as 8 bits change it; batch norms stay.';
    case 'int8-per-channel':
      return `No layer is added and no activation changes. ${CORRECTION}`;
    case 'int8-per-tensor':
    case 'int8-per-tensor-symmetric':
      return `${relu6Cost(relu6, addedLayers, damages)} ${CORRECTION}`;
    case 'float':
      return relu6Cost(relu6, addedLayers, damages);
  }
}

const CORRECTION =
  'Biases are corrected in advance for what rounding will change; until weights are rounded, the model is off by about as much.';

function relu6Cost(relu6: Relu6Policy, addedLayers: number, damages: readonly Relu6Damage[]): string {
  if (relu6 === 'relu') return droppedMaxima(damages);
  if (addedLayers > 0) {
    const number = count(addedLayers, 'layer is', 'layers are');
    return `${number} added, so that each channel has a maximum of its own; what the model computes stays.`;
  }
  return damages.length > 0 && relu6 === 'keep'
    ? 'No layer is added and no activation changes; scaling ends at each ReLU6.'
    : 'No layer is added and no activation changes.';
}

/** What becoming a ReLU is expected to change, by the layer that it hurts most. */
function droppedMaxima(damages: readonly Relu6Damage[]): string {
  const dropped = `${count(damages.length, 'activation loses its', 'activations lose their')} maximum of 6`;
  const shares = damages.flatMap(({ expected }) => (expected ? [expected.clippedShare] : []));
  if (shares.length === 0)
    return `${dropped}; nothing in the model tells how many of their values lie above it.`;
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return (
    `${dropped}, which changes what the model computes: ${tinyPercent(mean)} of their values are expected above it, ` +
    `${tinyPercent(shares.reduce((most, share) => Math.max(most, share)))} in the worst layer.`
  );
}
