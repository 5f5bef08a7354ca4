/**
 * The model that is open and what was made of it.
 *
 * @module
 */

import { type Model, UnsupportedModelError } from 'crosslayer';
import type { OperationName, Operations } from '../protocol.ts';
import type { Equalized } from './equalize/equalized.ts';
import type { Previews } from './equalize/previews.ts';
import type { Trials } from './equalize/trials.ts';
import type { Opened } from './open/opened.ts';
import type { Progress } from './progress.ts';

type Asked<Name extends OperationName> = Operations[Name]['asked'];
type Result<Name extends OperationName> = Promise<Operations[Name]['result']>;

type Handlers = {
  readonly [Name in OperationName]: (asked: Asked<Name>, progress: Progress) => Result<Name>;
};

/** Runs the operations, one at a time. */
export class Session {
  #opened: Opened | undefined;
  #equalized: Equalized | undefined;
  #trials: Trials | undefined;
  #previews: Previews | undefined;
  #isBusy = false;

  readonly #handlers: Handlers = {
    open: async ({ files }, progress) => {
      const { openPicked } = await import('./open/open-model.ts');
      return this.#take(await openPicked(files, progress));
    },
    openExample: async (_, progress) => {
      const { openExample } = await import('./open/example.ts');
      return this.#take(await openExample(progress));
    },
    damage: async (choice, progress) => {
      progress('Finding out which layers hurt');
      const trials = await this.#trialsOf(this.#model());
      return { report: await trials.damage(choice), weightSqnr: await trials.weightSqnr(choice) };
    },
    preview: async (choice) => {
      const { Previews } = await import('./equalize/previews.ts');
      this.#previews ??= new Previews(this.#model(), await this.#trialsOf(this.#model()));
      return this.#previews.of(choice);
    },
    equalize: async (asked, progress) => {
      const { equalizeFor } = await import('./equalize/equalize-for.ts');
      const trials = await this.#trialsOf(this.#model());
      this.#equalized = await equalizeFor(this.#requireOpened(), trials, asked, progress);
      return this.#equalized.told;
    },
    compare: async (asked, progress) => {
      const { comparePredictions } = await import('./compare/compare-predictions.ts');
      if (!this.#equalized) {
        throw new UnsupportedModelError('compare', 'nothing to compare with yet; equalize the model first');
      }
      return comparePredictions(this.#requireOpened(), this.#equalized, asked, progress);
    },
    verify: async (asked, progress) => {
      const { verifyFiles } = await import('./compare/verify-files.ts');
      return verifyFiles(this.#requireOpened(), asked, progress);
    },
    take: async (asked, progress) => {
      const { takeForm } = await import('./take/take-form.ts');
      return takeForm(asked, this.#requireOpened(), this.#equalized, progress);
    },
    takeTflite: async (asked, progress) => {
      const { takeTflite } = await import('./take/take-tflite.ts');
      return takeTflite(this.#requireOpened(), asked, progress);
    },
  };

  /** Runs an operation; a second one at the same time is refused. */
  async run<Name extends OperationName>(name: Name, asked: Asked<Name>, progress: Progress): Result<Name> {
    if (this.#isBusy) throw new RangeError(`${name}: another operation is running; wait for it or cancel it`);
    this.#isBusy = true;
    try {
      return await this.#handlers[name](asked, progress);
    } finally {
      this.#isBusy = false;
    }
  }

  /** What was opened before is only let go when something else is open. */
  async #take(opened: Opened): Result<'open'> {
    const { releaseModel } = await import('crosslayer');
    if (this.#opened) releaseModel(this.#opened.model);
    this.#opened = opened;
    this.#equalized = undefined;
    this.#trials = undefined;
    this.#previews = undefined;
    return opened.told;
  }

  async #trialsOf(model: Model): Promise<Trials> {
    const module = await import('./equalize/trials.ts');
    this.#trials ??= new module.Trials(model);
    return this.#trials;
  }

  #requireOpened(): Opened {
    if (this.#opened) return this.#opened;
    throw new UnsupportedModelError('files', 'no model is open yet; open one first');
  }

  #model(): Model {
    return this.#requireOpened().model;
  }
}
