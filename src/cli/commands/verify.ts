import { type Command, Option } from 'commander';
import { CannotRunError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { startBoth } from '../../node/litert.ts';
import { isTfliteFile, readWritten } from '../../node/open-files.ts';
import { percent, small } from '../../text/numbers.ts';
import { LEAST_SQNR_DB } from '../../verification/comparing/tolerances.ts';
import { type VerifyReport, verify } from '../../verification/comparing/verify.ts';
import { verifyTflite } from '../../verification/litert/verify-tflite.ts';
import { TfjsRunner } from '../../verification/run/runner.ts';
import { chosenInputs, type InputOptions, SEEDED_SAMPLES } from '../chosen-inputs.ts';
import { type CommandResult, EXIT, end, shownAs } from '../command-result.ts';
import { explained } from '../help.ts';
import { openModel } from '../opened-models.ts';
import { choiceOption, defined, inputOptions, jsonOption, tolerance, withOptions } from '../options.ts';
import { correctionsTakenBack, type SidecarOptions } from '../sidecar.ts';
import { type Line, progress, SHOWN, styled, table } from '../terminal.ts';

interface VerifyOptions extends InputOptions, SidecarOptions {
  readonly rtol?: number;
  readonly atol?: number;
  readonly backend?: 'wasm' | 'cpu';
  readonly json?: boolean;
}

/** `crosslayer verify`: whether two models compute the same. */
export function addVerify(root: Command): void {
  const command = root
    .command('verify')
    .description('run two models on the same inputs and tell whether they compute the same')
    .argument('<original>', 'the model as it was')
    .argument('<candidate>', 'the model that was made of it, or a .tflite file');
  explained(
    withOptions(command, [
      ...inputOptions({ before: 'the models stand', madeUp: SEEDED_SAMPLES }),
      new Option(
        '--rtol <part>',
        'difference allowed, as a part of the largest value of an output',
      ).argParser(tolerance),
      new Option('--atol <value>', 'difference allowed besides that').argParser(tolerance),
      choiceOption('--backend <name>', 'where TF.js computes; wasm if it starts', ['wasm', 'cpu']),
      new Option('--no-sidecar', 'do not read the side-car of the candidate'),
      jsonOption(),
    ]),
    {
      examples: [
        ['crosslayer verify model.keras ready.keras', 'on samples that are made up'],
        ['crosslayer verify model.keras ready.keras --inputs photos', 'on a folder of photographs'],
        ['crosslayer verify model.keras model.tflite', 'a file in whole numbers, run by LiteRT'],
      ],
      more: `
The models are the same where max |a - b| <= atol + rtol * max |a| for every output, over all samples. The defaults: atol
is 1e-7, rtol goes by the coarsest type of the weights that differ: 1e-4 for float32, 1e-1 for float16 and uint16, 3e-1
for bfloat16. SQNR and top-1 are of the logits where an output is a softmax of them.
8 bits are not the same function. A .tflite file in whole numbers, or a model with kernels rounded to 8 bits, passes where each
output has ${LEAST_SQNR_DB} dB of SQNR or more (errors of a tenth of its power). A .tflite file is run by LiteRT; its SQNR is of the
outputs themselves.
crosslayer equalize corrects biases; the side-car of the candidate tells. If nothing else differs, the models count as the same.
With --rtol or --atol, only these decide.
The exit code is 1 where the models differ, and where it cannot be told.`,
    },
  ).action((original, candidate, options) => end(options, (own) => verifyCommand(original, candidate, own)));
}

async function verifyCommand(
  original: string,
  candidate: string,
  options: VerifyOptions,
): Promise<CommandResult> {
  progress.say(`reading ${original} and ${candidate}`, 'read');
  const before = await openModel(original);
  if (isTfliteFile(candidate)) return resultOf(await compareTflite(before, candidate, options), options);
  const after = await openModel(candidate);
  progress.say('running both', 'run');
  const compared = await compare(before, after, options);
  return resultOf(await withoutCorrections(before, after, { compared, options }), options);
}

/** What `verify` tells: a model whose biases were corrected on purpose has a verdict of its own. */
type VerifyResult = Omit<VerifyReport, 'verdict'> & {
  readonly verdict: VerifyReport['verdict'] | 'corrected';
};

function resultOf(report: VerifyResult, options: VerifyOptions): CommandResult {
  const isExpected = report.verdict === 'same' || report.verdict === 'corrected';
  return {
    ...shownAs(options.json, report, () => render(report)),
    exitCode: isExpected ? EXIT.ok : EXIT.checkFailed,
  };
}

/** Whether corrected biases are all that differs: they are taken back, and the models compared anew. Edits `after`. */
async function withoutCorrections(
  before: Model,
  after: Model,
  { compared, options }: { readonly compared: VerifyReport; readonly options: VerifyOptions },
): Promise<VerifyResult> {
  const isAsked = options.rtol !== undefined || options.atol !== undefined;
  if (compared.verdict !== 'different' || isAsked) return compared;
  const told = await correctionsTakenBack(after, options);
  if (!told) return compared;
  progress.say('running both without the corrections', 'run');
  const { verdict } = await compare(before, after, options);
  if (verdict === 'same') return { ...compared, verdict: 'corrected', reason: `${told.what} (${told.file})` };
  const note = `${told.file}: ${told.what}; without that it differs too`;
  return { ...compared, notes: [...compared.notes, note] };
}

/** Without TF.js, without inputs that could be made up, or without what decodes photographs, nothing is verified. */
async function compare(before: Model, after: Model, options: VerifyOptions): Promise<VerifyReport> {
  const { backend, rtol, atol } = options;
  const tolerances = defined({ rtol, atol });
  try {
    const { tensors, description, sampleNames } = await chosenInputs(before, options);
    const runner = await TfjsRunner.create({ ...defined({ backend }), ...SHOWN });
    const inputs = { inputs: tensors, inputsDescription: description, sampleNames };
    return await verify(before, after, { runner, ...inputs, ...tolerances });
  } catch (error) {
    if (!(error instanceof CannotRunError)) throw error;
    const runner = { run: () => Promise.reject(error) };
    return verify(before, after, { runner, inputs: [], inputsDescription: 'none', ...tolerances });
  }
}

/** A file in whole numbers is run by LiteRT. */
async function compareTflite(
  before: Model,
  candidate: string,
  options: VerifyOptions,
): Promise<VerifyReport> {
  const { backend, rtol, atol } = options;
  const { tensors, description, sampleNames } = await chosenInputs(before, options);
  progress.say('running both', 'run');
  const bytes = readWritten(candidate);
  const { runner, litert } = await startBoth({ ...defined({ backend }), ...SHOWN });
  return verifyTflite(
    before,
    { litert, name: candidate, bytes },
    {
      ...{ runner, inputs: tensors, inputsDescription: description, sampleNames },
      ...defined({ rtol, atol }),
      ...SHOWN,
    },
  );
}

function render(report: VerifyResult): Line[] {
  return [
    `inputs: ${report.inputsDescription}`,
    ...(report.outputs.length === 0 ? [] : ['', ...outputTable(report), '']),
    ...report.notes.map((note) => `note: ${note}`),
    ...verdictLines(report),
  ];
}

function outputTable({ outputs, sampleNames }: VerifyResult): Line[] {
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

function verdictLines({ verdict, reason, tolerances, backend, leastSqnrDb }: VerifyResult): Line[] {
  const { rtol, atol, weights } = tolerances;
  switch (verdict) {
    case 'same': {
      if (leastSqnrDb !== undefined) {
        return [
          [styled('green', 'works with 8 bits'), `: SQNR of every output >= ${leastSqnrDb} dB (${backend})`],
        ];
      }
      const rounded = weights === 'float32' ? '' : `; edited weights are ${weights}`;
      const bound = `max |a - b| <= ${small(rtol)} max |a| + ${small(atol)} for every output`;
      return [[styled('green', 'same function'), `: ${bound} (${backend}${rounded})`]];
    }
    case 'corrected':
      return [
        [styled('green', 'same function but for corrected biases'), `: ${reason}`],
        'The table shows what they change until kernels are quantized. Without them the models are the same.',
        'crosslayer equalize --no-correction leaves biases alone.',
      ];
    case 'different':
      return [[styled('red', 'different'), `: ${reason}`]];
    case 'not-verified':
      return [[styled('yellow', 'not verified'), `: ${reason}`]];
  }
}
