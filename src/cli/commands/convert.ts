import { type Command, Option } from 'commander';
import { UnsupportedModelError } from '../../errors.ts';
import type { WriteReport } from '../../formats/format.ts';
import type { Model } from '../../model/model.ts';
import { castWeights, WEIGHT_DTYPES, type WeightDType } from '../../model/precision.ts';
import { type SaveOptions, saveModel } from '../../node/model-files.ts';
import { type CommandResult, EXIT, shownAs } from '../command-result.ts';
import { explained, OUTPUT, seldom } from '../help.ts';
import { interruptible } from '../interruptible.ts';
import { openModel } from '../opened-models.ts';
import {
  choiceOption,
  formatOption,
  jsonOption,
  layersScriptOption,
  type OutputOptions,
  outputOption,
  withOptions,
} from '../options.ts';
import { runModels } from '../run-models.ts';
import { isOpened, summaryOf, writtenLines } from '../summary-lines.ts';
import { progress, SHOWN } from '../terminal.ts';
import { ClashError } from '../usage-error.ts';
import { writtenFiles } from '../written-files.ts';

interface ConvertOptions extends OutputOptions {
  readonly keras?: '2' | '3';
  readonly weights?: WeightDType;
  readonly layersScript?: boolean;
  readonly json?: boolean;
}

/** `crosslayer convert`: the model in another format. */
export function addConvert(root: Command): void {
  const command = root
    .command('convert')
    .description(
      'write the model in another format: .keras, .h5, or a folder (or .json) for a TF.js layers model',
    )
    .argument('<in...>', 'the model, or several');
  explained(
    withOptions(command, [
      outputOption(
        'where the result goes; its ending decides the format; with several models the folder that gets them',
      ),
      ...seldom([formatOption(['keras', 'h5', 'tfjs'])]),
      choiceOption('--keras <version>', "which Keras the file is for; the model's own if left out", [
        '2',
        '3',
      ]),
      choiceOption(
        '--weights <type>',
        'what weights are stored as; float32 makes a model of it that computes in float32 too',
        WEIGHT_DTYPES,
      ),
      layersScriptOption(),
      new Option('--force', 'overwrite the output').helpGroup(OUTPUT),
      jsonOption(),
    ]),
    {
      examples: [
        ['crosslayer convert model.h5 -o model.keras', 'for Keras 3'],
        ['crosslayer convert model.keras --keras 2 -o model.h5', 'for Keras 2'],
        ['crosslayer convert model.keras -o web', 'for TF.js, a folder'],
      ],
      more: `
A new .keras file is always for Keras 3; for Keras 2 write an .h5 file: --keras 2 -o model.h5
Layers that TF.js lacks are written as layers that it has, where these compute the same. If TF.js does not open the result, the
exit code is 1, and the layers are named.
TF.js does not open a folder that tensorflowjs_converter wrote under Keras 3. This mends it: crosslayer convert broken -o mended`,
    },
  ).action((inputs, options) =>
    runModels(inputs, options, {
      outputs: '-o model.keras, -o model.h5 or -o web',
      check: checkConvertOptions,
      run: convertCommand,
    }),
  );
}

/** @throws UsageError where options contradict each other. */
function checkConvertOptions(options: ConvertOptions): void {
  checkWeights(options);
  if (options.layersScript === true && /\.(keras|h5|hdf5)$/i.test(options.output)) {
    throw new ClashError(
      `--layers-script: it is for TF.js models, and ${options.output} is none; leave it out`,
      ['layersScript'],
    );
  }
}

async function convertCommand(input: string, options: ConvertOptions): Promise<CommandResult> {
  checkConvertOptions(options);
  progress.say(`reading ${input}`, 'read');
  const read = await openModel(input);
  const model = options.weights ? castWeights(read, options.weights) : read;
  progress.say(`writing ${options.output}`, 'write');
  const written = await save(model, options);
  const { output, json } = options;
  const files = json === true ? await writtenFiles(output) : {};
  const report = { schemaVersion: 1, output, ...files, ...written };
  return {
    ...shownAs(json, report, () => summaryOf(output, '', undefined, writtenLines(written))),
    exitCode: isOpened(written) ? EXIT.ok : EXIT.checkFailed,
    verdict: isOpened(written) ? output : `${output}, which TF.js does not open`,
  };
}

/** Half floats are stored by formats that have them, for programs that read them. */
function checkWeights({ weights, output }: ConvertOptions): void {
  if (weights === undefined || weights === 'float32') return;
  const isHdf5 = /\.(h5|hdf5)$/i.test(output);
  if (weights === 'bfloat16' && isHdf5) {
    throw new ClashError(
      '--weights bfloat16: Keras reads it from .keras files alone; write one, or choose float16',
      ['weights'],
    );
  }
  if (isHdf5 || /\.keras$/i.test(output)) return;
  const advice =
    weights === 'float16'
      ? `for TF.js run crosslayer quantize --dtype float16 -o ${output}`
      : 'TF.js has no such type, so leave it out';
  throw new ClashError(`--weights ${weights}: only files of Keras get it here; ${advice}`, ['weights']);
}

async function save(
  model: Model,
  { output, keras, force, layersScript }: ConvertOptions,
): Promise<WriteReport> {
  const options: SaveOptions = {
    force: force === true,
    ...(layersScript === true ? { layersScript } : {}),
    // Whoever converts to .keras wants that format, and not the HDF5 that older versions of Keras wrote under the name.
    ...(/\.keras$/i.test(output) ? { format: 'keras-v3' } : {}),
    ...(keras === undefined ? {} : { dialect: `keras${keras}` }),
  };
  try {
    return await interruptible((signal) => saveModel(model, output, { ...options, ...SHOWN, signal }));
  } catch (error) {
    const isMisuse = error instanceof UnsupportedModelError && error.feature === 'dialect';
    throw isMisuse ? new ClashError(`--keras ${keras}: ${error.message}`, ['keras']) : error;
  }
}
