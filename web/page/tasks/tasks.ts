/**
 * What a person waits for, in words.
 *
 * @module
 */

/** What the page says while something is done, and where it failed. */
export interface Task {
  readonly title: string;
  readonly failed: string;
}

const OPENING: Task = { title: 'Opening the model', failed: 'Nothing was opened.' };

const MAKING: Task = { title: 'Making the file', failed: 'The file was not made.' };

/** By the names of operations. */
export const TASKS: Readonly<
  Record<'open' | 'openExample' | 'equalize' | 'compare' | 'verify' | 'take' | 'takeTflite', Task>
> = {
  open: OPENING,
  openExample: OPENING,
  equalize: { title: 'Equalizing', failed: 'The model was not equalized.' },
  compare: { title: 'Comparing predictions', failed: 'The predictions were not compared.' },
  verify: { title: 'Comparing both files', failed: 'The files were not compared.' },
  take: MAKING,
  takeTflite: MAKING,
};
