/**
 * What shows models to people: reports as data and as a page, strips of channel ranges, spreads, damage, proofs, and numbers as
 * text. Runs in Node and in browsers.
 *
 * @module
 */

export {
  type EqualizeForTargetOptions,
  equalizeForTarget,
  type TargetReport,
} from './report/equalize-for-target.ts';
export type { EqualizeReport, WrittenNotes } from './report/equalize-report.ts';
export {
  type EvaluatedModel,
  type EvaluatedOnIntegers,
  type EvaluateOptions,
  type EvaluateReport,
  evaluateModel,
  evaluateWeights,
  type QuantizedLayer,
  type RangesFrom,
} from './report/evaluate-report.ts';
export { movesFar } from './report/far-correction.ts';
export { htmlReport } from './report/html/html-report.ts';
export { inspectContent, inspectSubject } from './report/html/inspect-content.ts';
export { kernelSqnrText } from './report/html/kernel-facts.ts';
export { quantizeContent } from './report/html/quantize-content.ts';
export type {
  DamageShare,
  Fact,
  ReportBlock,
  ReportContent,
  ReportSection,
} from './report/html/report-content.ts';
export {
  type ReportSubject,
  type ReportSubjectOptions,
  reportSubject,
} from './report/html/report-subject.ts';
export { stepsContent } from './report/html/steps-content.ts';
export { targetContent } from './report/html/target-content.ts';
export { type InspectReport, inspectModel, type LayerFacts } from './report/inspect-report.ts';
export {
  DAMAGE_TARGETS,
  type DamageReport,
  type DamageTarget,
  damageReport,
  type LayerDamage,
} from './report/layer-damage.ts';
export { type MapLayer, modelMap } from './report/model-map.ts';
export { gridOf, plainModel, plainText } from './report/plain-model.ts';
export {
  isProven,
  type ProofReport,
  type ProvenRunOptions,
  type RunnableOn,
  runWithProof,
} from './report/proof-report.ts';
export type { ModelBytes, QuantizeReport, RunCheck, WrittenCheck } from './report/quantize-report.ts';
export { largestSpread, type RangeSpread, rangeSpreads } from './report/range-spread.ts';
export { besideOriginal, checkTexts, type RunOn } from './report/run-check.ts';
export { type SidecarReport, stepsSidecar, targetSidecar } from './report/sidecar-report.ts';
export { type ChannelRanges, type ChannelStrip, channelStrips } from './report/strips/channel-strips.ts';
export {
  channelAt,
  type SideNames,
  type StripDrawing,
  type StripPanel,
  stripDrawing,
} from './report/strips/strip-drawing.ts';
export {
  GRID_STEPS,
  NARROW_STEPS,
  type ScaledRanges,
  type ScaledStrip,
  scaledStrip,
} from './report/strips/strip-scale.ts';
export { tensorStrips } from './report/strips/tensor-strips.ts';
export {
  type DamagedTensor,
  damageRanking,
  type RankedDamage,
  type TensorDamage,
  tensorRemedy,
} from './report/tensor-damage.ts';
export { countedOperators, type NotTakenOperators, type TfliteReport } from './report/tflite-report.ts';
export {
  farText,
  guessedText,
  notTakenTexts,
  operatorsText,
  rangesText,
  works,
} from './report/tflite-texts.ts';
export { worstOutput } from './report/worst-output.ts';
export { named } from './text/names.ts';
export {
  accuracyText,
  byteText,
  count,
  decibels,
  dimensionsText,
  grouped,
  percent,
  shapeText,
  short,
  small,
  sqnrText,
  tinyPercent,
} from './text/numbers.ts';
export { visible } from './text/visible.ts';
