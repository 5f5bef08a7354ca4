/**
 * What reports of all kinds have: the proof, what was tried, what was left alone.
 *
 * @module
 */

import { settingsTried } from '../../equalization/choose-settings.ts';
import type { Trial } from '../../equalization/options.ts';
import { type DescribedReason, messagesByCode } from '../../model/skip-reason.ts';
import type { FoldedBatchNorm } from '../../primitives/batch-norm-fold.ts';
import { largestOf } from '../../tensor/extremes.ts';
import { count, percent, small, sqnrText } from '../../text/numbers.ts';
import type { PassProof } from '../../verification/proving/prove-passes.ts';
import type { WrittenNotes } from '../equalize-report.ts';
import type { ProofReport } from '../proof-report.ts';
import { worstOutput } from '../worst-output.ts';
import { type Fact, list, type ReportBlock, type ReportSection, table, text } from './report-content.ts';

/** What runs of the model before and after each stage showed. */
export function proofSection(verification: ProofReport | null): ReportSection {
  if (!verification) return { title: 'Proof', blocks: [text('The model was not run.')] };
  const { inputs, backend, proofs, weights } = verification;
  const ran =
    inputs === null
      ? `The model was not run: ${proofs[0]?.reason ?? 'there was nothing to run it on'}.`
      : `Run before and after each stage (${backend ?? 'not known where'}), on ${inputs}.`;
  const rounding =
    weights === 'float32'
      ? []
      : [text(`Edited weights are stored as ${weights}; that rounding is not in these numbers.`)];
  const undone = proofs.flatMap((proof) =>
    proof.undone.map(({ layers, maxRelative }) => {
      const change = `changed the function by ${small(maxRelative)} of the output and was undone`;
      return `${proof.pass}: ${layers.join(' → ')} ${change}`;
    }),
  );
  const reasons = proofs.flatMap(({ pass, verdict, reason }) =>
    verdict !== 'same' && reason !== null && inputs !== null ? [`${pass}: ${reason}`] : [],
  );
  const notes = proofs.flatMap(({ pass, notes }) => notes.map((note) => `${pass}: ${note}`));
  return {
    title: 'Proof',
    blocks: [
      text(ran),
      ...(inputs === null || proofs.length === 0 ? [] : [proofTable(proofs)]),
      ...rounding,
      ...list('Undone', undone),
      ...list('What differs', reasons),
      ...list('Notes', notes),
    ],
  };
}

function proofTable(proofs: readonly PassProof[]): ReportBlock {
  const rows = proofs.map(({ pass, verdict, outputs }) => {
    const { sqnrDb, top1Agreement } = worstOutput(outputs);
    const worst = largestOf(outputs.map(({ maxRelative }) => maxRelative));
    const numbers = outputs.length === 0 ? ['', ''] : [small(worst), sqnrText(sqnrDb)];
    return [pass, VERDICTS[verdict], ...numbers, agreementText(top1Agreement)];
  });
  return table(['Stage', 'Function', 'Largest difference', 'SQNR', 'Same top-1'], rows, [2, 3, 4]);
}

const VERDICTS: Readonly<Record<PassProof['verdict'], string>> = {
  same: 'the same',
  different: 'changes',
  'not-verified': 'not verified',
};

/** The proof in a fact: the worst that was seen. */
export function proofFact(verification: ProofReport | null): Fact[] {
  if (!verification) return [];
  const { proofs, inputs } = verification;
  if (inputs === null) return [['Function', 'not verified']];
  const open = proofs.filter(({ verdict }) => verdict === 'not-verified').map(({ pass }) => pass);
  const changing = proofs.filter(({ verdict }) => verdict === 'different').map(({ pass }) => pass);
  const worst = proofs
    .filter(({ verdict }) => verdict === 'same')
    .flatMap(({ outputs }) => outputs.map(({ maxRelative }) => maxRelative));
  const parts = [
    ...(worst.length === 0 ? [] : [`the same within ${small(largestOf(worst))}`]),
    ...(changing.length === 0 ? [] : [`changed on purpose by ${changing.join(', ')}`]),
    ...(open.length === 0 ? [] : [`not verified for ${open.join(', ')}`]),
  ];
  return parts.length === 0 ? [] : [['Function', parts.join('; ')]];
}

/** A share of samples with the same class; nothing where no output has classes. */
export function agreementText(agreement: number | null): string {
  return agreement === null ? '' : percent(agreement);
}

/** Settings that were tried; no section where there was no choice. */
export function trialSection(trials: readonly Trial[], target: string): ReportSection {
  const settings = settingsTried(trials);
  if (trials.length < 2) return { title: 'Trials', blocks: [] };
  const header = [...settings.map((name) => SETTINGS[name]), 'SQNR', 'Same top-1'];
  const rows = trials.map((trial) => [
    ...settings.map((name) => trial[name]),
    sqnrText(trial.sqnrDb),
    agreementText(trial.top1Agreement),
  ]);
  const tensors = trials[0]?.activations ? ' and activations' : '';
  const about = `With kernels${tensors} quantized for ${target}, against the float model; the first was taken.`;
  return {
    title: 'Trials',
    blocks: [text(about), table(header, rows, [settings.length, settings.length + 1])],
  };
}

const SETTINGS = {
  objective: 'Objective',
  relu6: 'ReLU6',
  rounding: 'Rounding',
  biasCorrection: 'Bias correction',
} as const;

/** What was left alone, reasons of one kind together. */
export function skippedSection(skipped: readonly DescribedReason[]): ReportSection {
  return {
    title: 'Left alone',
    blocks: [...messagesByCode(skipped)].flatMap(([code, messages]) => list(sentenceOf(code), messages)),
  };
}

/** `no-batch-norm` as `No batch norm`. */
function sentenceOf(code: string): string {
  const words = code.replaceAll('-', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What the file could not keep, what a reader of it should know, and side-cars. */
export function noteSection({ dropped, warnings, sidecar }: WrittenNotes): ReportSection {
  const lines = [
    ...(sidecar?.read ? [sidecar.read.message] : []),
    ...(sidecar && sidecar.measured.length > 0
      ? [`statistics of ${count(sidecar.measured.length, 'layer')} were measured on the inputs`]
      : []),
    ...(sidecar?.written ? [`the side-car is ${sidecar.written}`] : []),
  ];
  return {
    title: 'Notes',
    blocks: [...list('Not kept', dropped), ...list('To know', warnings), ...list('Side-cars', lines)],
  };
}

/** The lists of what both recipes do before they scale. */
export function foldLists(
  replacedRelu6: readonly string[],
  folded: readonly FoldedBatchNorm[],
): ReportBlock[] {
  return [
    ...list('ReLU6 that became ReLU', replacedRelu6),
    ...list(
      'Batch norms folded',
      folded.map(({ layer, batchNorm }) => `${batchNorm} into ${layer}`),
    ),
  ];
}
