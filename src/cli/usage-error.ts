/** A mistake in how the command was called. */
export class UsageError extends Error {}

/** Options by their keys: `noCorrection` is `correction`. */
type OptionKeys = readonly string[];

/** Options that do not go together, or one that does not apply. */
export class ClashError extends UsageError {
  /** Without all of one group the rest goes together. The last is the one to leave out. */
  readonly groups: readonly OptionKeys[];

  /** @param message `--io: it is for .tflite files; leave it out`: options, reason, and what to do */
  constructor(message: string, ...groups: readonly OptionKeys[]) {
    super(message);
    this.groups = groups;
  }
}
