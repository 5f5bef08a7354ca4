/**
 * What the open model would be equalized: kept, because finding the scales of a large model takes seconds, and previews, damage
 * and the summary of what was done all ask for it.
 *
 * @module
 */

import { CrosslayerError, equalize, type Model, UnsupportedModelError } from 'crosslayer';
import { parseQuantizer, weightSqnr } from 'crosslayer/quantization';
import { type DamageReport, damageReport, gridOf, plainModel } from 'crosslayer/report';
import type { Choice, Damage } from '../../protocol.ts';

/** An equalized model with weights that were not rounded and biases that were not corrected. */
export interface Trial {
  readonly model: Model;
  /** For ReLU6 with a maximum for each channel. */
  readonly addedLayers: number;
}

/** Trials of a model, each made when it is asked for first. */
export class Trials {
  readonly #model: Model;
  readonly #trials = new Map<string, Trial>();
  readonly #damages = new Map<string, DamageReport>();
  readonly #weightSqnrs = new Map<string, Damage['weightSqnr']>();

  constructor(model: Model) {
    this.#model = model;
  }

  /** The model equalized for a choice. */
  async trial(choice: Choice): Promise<Trial> {
    const key = keyOf(choice);
    const known = this.#trials.get(key);
    if (known) return known;
    const options = { ...choice, rounding: 'nearest', biasCorrection: 'none' } as const;
    const { model, report } = await equalize(this.#model, options);
    const scaled = report.passes.find((one) => one.pass === 'scale');
    const trial = { model, addedLayers: scaled?.addedLayers ?? 0 };
    this.#trials.set(key, trial);
    return trial;
  }

  /**
   * Which layers hurt before and after it.
   *
   * @throws UnsupportedModelError for the target `float`.
   */
  async damage(choice: Choice): Promise<DamageReport> {
    const { target } = choice;
    if (target === 'float') {
      throw new UnsupportedModelError('damage', 'the target float rounds nothing, so no layer hurts');
    }
    const key = keyOf(choice);
    const known = this.#damages.get(key);
    if (known) return known;
    const equalized = await this.#equalizedOrNothing(choice);
    const damage = await damageReport(this.#model, target, equalized ? { equalized } : {});
    this.#damages.set(key, damage);
    return damage;
  }

  /** How much rounding leaves of each kernel, before and after it; nothing after where it cannot be equalized. */
  async weightSqnr(choice: Choice): Promise<Damage['weightSqnr']> {
    const key = keyOf(choice);
    const known = this.#weightSqnrs.get(key);
    if (known) return known;
    const quantizer = parseQuantizer(gridOf(choice.target));
    const equalized = await this.#equalizedOrNothing(choice);
    const measured = {
      before: weightSqnr(plainModel(this.#model, choice.target), quantizer),
      after: equalized ? weightSqnr(equalized, quantizer) : [],
    };
    this.#weightSqnrs.set(key, measured);
    return measured;
  }

  /** Undefined where it cannot be equalized, which the report of the damage then says. */
  async #equalizedOrNothing(choice: Choice): Promise<Model | undefined> {
    try {
      return (await this.trial(choice)).model;
    } catch (error) {
      if (error instanceof CrosslayerError) return undefined;
      throw error;
    }
  }
}

/** How kernels are rounded and biases corrected makes no difference to a trial. */
function keyOf({ target, relu6, objective, activations }: Choice): string {
  return [target, relu6, objective, activations].join(' ');
}
