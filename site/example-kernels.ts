import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { dotPlot } from './plots.ts';

/** How much 8 bits leave of each kernel of the example, as it is and equalized: measured while the site is built. */
export async function kernelsOfExample(root: string): Promise<string> {
  const entry = (name: string): string => pathToFileURL(join(root, 'dist', name)).href;
  const { loadModel }: typeof import('../src/node.ts') = await import(entry('node.js'));
  const { equalizeForTarget }: typeof import('../src/report.ts') = await import(entry('report.js'));
  const model = await loadModel(join(root, 'examples/fashion-mobilenetv2.keras'));
  const target = 'int8-per-tensor-symmetric';
  const { before, after } = (await equalizeForTarget(model, { target })).report.weightSqnr;
  const names = before.map(({ layer }) => layer);
  const now = new Map(after.map(({ layer, sqnr }) => [layer, sqnr]));
  const title = 'Every kernel of the example';
  const plot = dotPlot({
    title,
    label: 'SQNR in dB',
    names,
    series: [
      { name: 'batch norms folded', values: before.map(({ sqnr }) => sqnr) },
      { name: 'equalized', values: names.map((layer) => now.get(layer)) },
    ],
  });
  return `<h2 id="every-kernel-of-the-example">${title}</h2>
<p>What a grid from -127 to 127 leaves of each kernel of <code>examples/fashion-mobilenetv2.keras</code>, in the order in which the model computes them, with its batch norms folded and after <code>equalize --target ${target}</code>. It was measured when this page was built.</p>
${plot}`;
}
