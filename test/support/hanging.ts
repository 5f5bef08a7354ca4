/**
 * How long something may take before it is taken to hang, in milliseconds. Nothing else here looks at a clock: how fast a
 * machine is decides no test.
 */
export const HANGING_MS: number = 15 * 60_000;
