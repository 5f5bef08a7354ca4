import { TARGETS, type Target } from 'crosslayer';

/** The targets that the page offers: one grid stands for both that have one range for each kernel. */
export const PAGE_TARGETS: readonly Target[] = TARGETS.filter(
  (target) => target !== 'int8-per-tensor-symmetric',
);
