import { CannotRunError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { loadModel } from '../../node.ts';
import { percent, small } from '../../report/number-text.ts';
import { reportJson } from '../../report/report-json.ts';
import { type VerifyReport, verify } from '../../verification/comparing/verify.ts';
import { TfjsRunner } from '../../verification/run/runner.ts';
import { chosenInputs, type InputOptions } from '../chosen-inputs.ts';
import { type CheckResult, EXIT } from '../command-result.ts';
import { correctionNotes } from '../sidecar.ts';
import { progress, progressDone, styled, table } from '../terminal.ts';

/** Options of `crosslayer verify`. */
export interface VerifyCommandOptions extends InputOptions {
  readonly rtol?: number;
  readonly atol?: number;
  readonly backend?: 'wasm' | 'cpu';
  /** False with `--no-sidecar`. */
  readonly sidecar?: boolean;
  readonly json?: boolean;
}

/** Runs `crosslayer verify`. */
export async function verifyCommand(
  original: string,
  candidate: string,
  options: VerifyCommandOptions,
): Promise<CheckResult> {
  progress(`reading ${original} and ${candidate}`);
  const before = await loadModel(original);
  const after = await loadModel(candidate);
  const notes = await correctionNotes(after, options);
  progress('running both');
  const compared = await compare(before, after, options);
  const report = { ...compared, notes: [...compared.notes, ...notes] };
  progressDone();
  return {
    text: options.json === true ? reportJson(report) : render(report),
    exitCode: report.verdict === 'same' ? EXIT.ok : EXIT.checkFailed,
  };
}

/** Without TF.js, without inputs that could be made up, or without what decodes photographs, nothing is verified. */
async function compare(before: Model, after: Model, options: VerifyCommandOptions): Promise<VerifyReport> {
  const { backend, rtol, atol } = options;
  const tolerances = { ...(rtol === undefined ? {} : { rtol }), ...(atol === undefined ? {} : { atol }) };
  try {
    const { tensors, description, sampleNames } = await chosenInputs(before, options);
    const runner = await TfjsRunner.create(backend === undefined ? {} : { backend });
    const given = { runner, inputs: tensors, inputsDescription: description, sampleNames };
    return await verify(before, after, { ...given, ...tolerances });
  } catch (error) {
    if (!(error instanceof CannotRunError)) throw error;
    const runner = { run: () => Promise.reject(error) };
    return verify(before, after, { runner, inputs: [], inputsDescription: 'none', ...tolerances });
  }
}

function render(report: VerifyReport): string {
  return [
    `inputs: ${report.inputsDescription}`,
    ...(report.outputs.length === 0 ? [] : ['', outputTable(report), '']),
    ...report.notes.map((note) => `note: ${note}`),
    verdictLine(report),
  ].join('\n');
}

function outputTable({ outputs, sampleNames }: VerifyReport): string {
  const header = ['output', 'max |a - b|', 'of max |a|', 'SQNR in dB', 'of the', 'top-1', 'worst input', ''];
  const rows = outputs.map((output) => [
    output.name,
    small(output.maxAbsolute),
    small(output.maxRelative),
    Number.isFinite(output.sqnrDb) ? output.sqnrDb.toFixed(1) : String(output.sqnrDb),
    output.scores,
    output.top1Agreement === null ? '-' : percent(output.top1Agreement),
    output.worstInput === null ? '-' : (sampleNames[output.worstInput] ?? String(output.worstInput)),
    output.same ? 'same' : 'different',
  ]);
  return table(header, rows, [1, 2, 3, 5]);
}

function verdictLine({ verdict, reason, tolerances, backend }: VerifyReport): string {
  const { rtol, atol, weights } = tolerances;
  switch (verdict) {
    case 'same': {
      const rounded = weights === 'float32' ? '' : `; edited weights are ${weights}`;
      const bound = `max |a - b| <= ${small(rtol)} max |a| + ${small(atol)} for every output`;
      return `${styled('green', 'same function')}: ${bound} (${backend}${rounded})`;
    }
    case 'different':
      return `${styled('red', 'different')}: ${reason}`;
    case 'not-verified':
      return `${styled('yellow', 'not verified')}: ${reason}`;
  }
}
