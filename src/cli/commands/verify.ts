import { CannotRunError } from '../../errors.ts';
import { closeModel, loadModel } from '../../node.ts';
import { verifyReportJson } from '../../report/verify-report.ts';
import { TfjsRunner } from '../../verification/runner.ts';
import { type VerifyReport, verify } from '../../verification/verify.ts';
import { chosenInputs, type InputOptions } from '../chosen-inputs.ts';
import { EXIT } from '../exit-code.ts';
import { progress, progressDone, styled, table } from '../render.ts';

/** Options of `crosslayer verify`. */
export interface VerifyCommandOptions extends InputOptions {
  readonly rtol?: number;
  readonly atol?: number;
  readonly backend?: 'wasm' | 'cpu';
  readonly json?: boolean;
}

/** What goes to standard output, and how the process ends. */
export interface CheckResult {
  readonly text: string;
  readonly exitCode: number;
}

/** Runs `crosslayer verify`. */
export async function verifyCommand(
  original: string,
  candidate: string,
  options: VerifyCommandOptions,
): Promise<CheckResult> {
  const report = await verifyFiles(original, candidate, options);
  progressDone();
  return {
    text: options.json === true ? verifyReportJson(report) : render(report),
    exitCode: report.verdict === 'same' ? EXIT.ok : EXIT.checkFailed,
  };
}

async function verifyFiles(
  original: string,
  candidate: string,
  options: VerifyCommandOptions,
): Promise<VerifyReport> {
  progress(`reading ${original} and ${candidate}`);
  const [before, after] = [await loadModel(original), await loadModel(candidate)];
  const { tensors, description, sampleNames } = await chosenInputs(before, options);
  progress('running both');
  const { rtol, atol, backend } = options;
  const report = await verify(before, after, {
    runner: await startedRunner(backend),
    inputs: tensors,
    inputsDescription: description,
    sampleNames,
    ...(rtol === undefined ? {} : { rtol }),
    ...(atol === undefined ? {} : { atol }),
  });
  closeModel(before);
  closeModel(after);
  return report;
}

/** A runner; where there is none, one that gives the reason, so that it ends in the report. */
async function startedRunner(
  backend: 'wasm' | 'cpu' | undefined,
): Promise<Pick<TfjsRunner, 'run'> & { readonly backend?: string }> {
  try {
    return await TfjsRunner.create(backend === undefined ? {} : { backend });
  } catch (error) {
    if (error instanceof CannotRunError) return { run: () => Promise.reject(error) };
    throw error;
  }
}

function render(report: VerifyReport): string {
  return [
    `inputs: ${report.inputsDescription}`,
    ...(report.outputs.length === 0 ? [] : ['', outputTable(report)]),
    '',
    ...report.notes.map((note) => `note: ${note}`),
    verdictLine(report),
  ].join('\n');
}

function outputTable({ outputs, sampleNames }: VerifyReport): string {
  const header = ['output', 'max |a - b|', 'of max |a|', 'SQNR in dB', 'of the', 'top-1', 'worst input', ''];
  const rows = outputs.map((output) => [
    output.name,
    digits(output.maxAbsolute),
    digits(output.maxRelative),
    Number.isFinite(output.sqnrDb) ? output.sqnrDb.toFixed(1) : String(output.sqnrDb),
    output.scores,
    output.top1Agreement === null ? '-' : percent(output.top1Agreement),
    output.worstInput === null ? '-' : (sampleNames[output.worstInput] ?? String(output.worstInput)),
    output.same ? 'same' : 'different',
  ]);
  return table(header, rows, [1, 2, 3, 5]);
}

/** Two significant digits; tiny numbers by their exponent. */
function digits(value: number): string {
  const rounded = Number(value.toPrecision(2));
  return rounded !== 0 && rounded < 1e-3 ? rounded.toExponential() : String(rounded);
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}

function verdictLine({ verdict, reason, tolerances, backend }: VerifyReport): string {
  const { rtol, atol, weights } = tolerances;
  switch (verdict) {
    case 'same': {
      const rounded = weights === 'float32' ? '' : `; edited weights are ${weights}`;
      return `${styled('green', 'same function')}: within ${digits(rtol)} of the largest value and ${digits(atol)} (${backend}${rounded})`;
    }
    case 'different':
      return `${styled('red', 'different')}: ${reason}`;
    case 'not-verified':
      return `${styled('yellow', 'not verified')}: ${reason}`;
  }
}
