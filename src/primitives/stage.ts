import type { SkipReason } from '../model/skip-reason.ts';

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
}

/** A part of a recipe that edits a model, and can do so again without some of its edits once the model was restored. */
export interface Stage<Name extends string = string> {
  readonly name: Name;
  /** Edits the model that the stage was made for. What an earlier run noted counts no more. */
  run(veto?: Veto): void | Promise<void>;
  /** The edits of the last run that keep the function, each by the paths of its layers, in order. */
  edits(): readonly (readonly string[])[];
}

/** Called around each stage of a recipe. */
export interface StageWatch<Name extends string = string> {
  readonly before?: (stage: Name) => void;
  readonly after?: (stage: Name) => void;
}
