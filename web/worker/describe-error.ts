import { CrosslayerError } from 'crosslayer';
import { messageOf } from 'crosslayer/quantization';

/** An error as the page shows it. */
export interface DescribedError {
  readonly message: string;
  /** Whether the model, the files or the browser are the reason, and not a mistake in this program. */
  readonly isExpected: boolean;
}

/** What Chromium, Firefox and WebAssembly say where there is no memory for a buffer, an array, or a larger memory. */
const OUT_OF_MEMORY =
  /allocation failed|could not allocate|out of memory|invalid (typed )?array length|memory\.grow|\(OOM\)|access out of bounds/i;

/** What browsers say where code could not be fetched. */
const NOT_FETCHED =
  /dynamically imported module|importing a module script failed|failed to fetch|networkerror/i;

/** Whether an error means that memory does not suffice. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof Error && OUT_OF_MEMORY.test(error.message);
}

/** The sentence for an error, with what to do. */
export function describeError(error: unknown): DescribedError {
  const message = messageOf(error);
  if (error instanceof CrosslayerError) return { message, isExpected: true };
  if (isOutOfMemory(error)) {
    return {
      message:
        'The browser gives the page no more memory. Close other tabs and try again, or use the command crosslayer, which ' +
        'takes larger models.',
      isExpected: true,
    };
  }
  if (error instanceof TypeError && NOT_FETCHED.test(message)) {
    return {
      message: 'A part of the page could not be loaded. See that its server runs, then load the page anew.',
      isExpected: true,
    };
  }
  return { message: `An error that should not happen, please report it: ${message}`, isExpected: false };
}
