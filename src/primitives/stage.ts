import type { StepOptions } from './skip-reason.ts';

/** Asked before each edit, by the paths of its layers; where it gives a reason the edit is not made. */
export type Veto = NonNullable<StepOptions['veto']>;

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
