import {
  type InspectedOperator,
  inspectTflite,
  type TfliteInspection,
} from '../../formats/tflite/inspect.ts';
import { readWritten } from '../../node/open-files.ts';
import { byteText, count, dimensionsText, short, small } from '../../text/numbers.ts';
import { type CommandResult, EXIT, shownAs } from '../command-result.ts';
import { indented, type Line, styled, table } from '../terminal.ts';

/** What `crosslayer inspect model.tflite` prints, of any maker's file. */
export function inspectTfliteCommand(input: string, isJson: boolean): CommandResult {
  const inspection = inspectTflite(input, readWritten(input));
  const report = { schemaVersion: 1, ...inspection };
  return { ...shownAs(isJson, report, () => render(input, inspection)), exitCode: EXIT.ok };
}

function render(input: string, { bytes, inputs, outputs, operators }: TfliteInspection): Line[] {
  const ports = (list: TfliteInspection['inputs']): string =>
    list.map(({ name, shape, type }) => `${name} ${type ?? '?'} ${dimensionsText(shape)}`).join(', ');
  const rows = operators.map(({ op, name, shape, type, grid, kernel }) => [
    op,
    shortened(name),
    dimensionsText(shape),
    type ?? '?',
    grid ? small(grid.scale) : '',
    grid ? String(grid.zeroPoint) : '',
    kernel ? (kernel.scales > 1 ? 'each channel' : 'one') : '',
    kernel ? String(kernel.medianLevels) : '',
  ]);
  const header = ['operator', 'writes', 'shape', 'type', 'step', 'zero', 'kernel scale', 'median levels'];
  return [
    [styled('bold', input), `: ${count(operators.length, 'operator')}, ${byteText(bytes)}`],
    `inputs: ${ports(inputs)}`,
    `outputs: ${ports(outputs)}`,
    '',
    'median levels: of 127, how many the median channel of a kernel reaches',
    '',
    ...table(header, rows, [4, 5, 7]),
    ...ruinedLines(operators),
  ];
}

/** Of files of TensorFlow's converter a name is those of all layers that were made one. */
const LONGEST_NAME = 48;

function shortened(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}

/** Layers where one range for all channels left many of them hardly any level. */
function ruinedLines(operators: readonly InspectedOperator[]): Line[] {
  const ruined = operators.flatMap(({ name, kernel }) =>
    kernel && kernel.ruinedChannels > 0
      ? [[shortened(name), `${kernel.ruinedChannels} of ${kernel.channels}`, short(kernel.medianLevels)]]
      : [],
  );
  if (ruined.length === 0) return [];
  return [
    '',
    'channels with less than 4 bits of their range left:',
    ...indented(table(['layer', 'channels', 'median levels'], ruined, [1, 2])),
    'quantize the Keras file that it was made from: crosslayer quantize model.keras -o model.tflite --weights per-tensor',
  ];
}
