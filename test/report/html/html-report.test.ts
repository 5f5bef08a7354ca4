import { parseHTML } from 'linkedom';
import { describe, expect, test } from 'vitest';
import type { Model } from '../../../src/model/model.ts';
import { htmlReport } from '../../../src/report/html/html-report.ts';
import { inspectContent } from '../../../src/report/html/inspect-content.ts';
import type { ReportContent } from '../../../src/report/html/report-content.ts';
import { reportSubject } from '../../../src/report/html/report-subject.ts';
import { inspectModel } from '../../../src/report/inspect-report.ts';
import { buildModel, input, layer } from '../../support/model-builder.ts';

const EVIL = 'a"><script>alert(1)</script>';

function model(name = 'conv', kernel: readonly number[] = [1, -2, 3, -4]): Model {
  return buildModel([
    input('x', [4, 4, 2]),
    layer('Conv2D', name, { filters: 2, kernel_size: 1 }, { weights: { kernel } }),
    layer('BatchNormalization', 'bn'),
    layer('ReLU', 'relu'),
    layer('SeparableConv2D', 'separable', { filters: 3, kernel_size: 3 }),
  ]);
}

function contentOf(subject: Model): ReportContent {
  return inspectContent(
    inspectModel(subject),
    reportSubject(subject, { before: subject, after: subject, quantizer: 'int8-per-tensor' }),
  );
}

const page = (content: ReportContent): Promise<string> =>
  htmlReport(content, parseHTML('<html></html>').document);

async function parsed(content: ReportContent): Promise<Document> {
  return parseHTML(await page(content)).document;
}

const texts = (within: ParentNode, selector: string): string[] =>
  [...within.querySelectorAll(selector)].map((element) => element.textContent ?? '');

describe('the page', () => {
  test('has the name, the facts, a row for each layer and a figure for each kernel', async () => {
    const document = await parsed(contentOf(model()));
    expect(document.querySelector('h1')?.textContent).toBe('model');
    expect(texts(document, 'dt')).toContain('Parameters');
    expect(texts(document, '.sortable tbody th')).toEqual(['x', 'conv', 'bn', 'relu', 'separable']);
    expect(texts(document, '.sortable thead th').slice(0, 5)).toEqual([
      'Layer',
      'Class',
      'Output',
      'Spread before',
      'Spread after',
    ]);
    expect(texts(document, '.sortable tbody tr')[1]).toMatch(/^convConv2D4 x 4 x 211[\d.]+ dB[\d.]+ dB$/);
    expect(texts(document, 'figcaption')).toEqual([
      'conv Conv2D',
      'separable SeparableConv2D, depthwiseKernel',
      'separable SeparableConv2D, pointwiseKernel',
    ]);
    for (const link of document.querySelectorAll('.sortable a')) {
      expect(document.getElementById((link.getAttribute('href') ?? '').slice(1))).not.toBeNull();
    }
  });

  test('draws each side of a strip as one path on one scale, with a text alternative', async () => {
    const document = await parsed(contentOf(model()));
    const [svg] = document.querySelectorAll('svg');
    expect(svg?.getAttribute('role')).toBe('img');
    // Channels 1, 3 and -2, -4: 7 / 255 a step; the upper one of two is their median.
    expect(svg?.getAttribute('aria-label')).toBe(
      'Channel ranges of conv, 2 output channels. ' +
        ['before', 'after']
          .map((side) => `${side}: max/median 1; no channel within 16 steps; a step is 0.027.`)
          .join(' '),
    );
    const paths = [...(svg?.querySelectorAll('[aria-label="area"] path') ?? [])];
    expect(paths).toHaveLength(2);
    // Of 2 channels 178 wide: [1, 3] above 0, [-4, -2] below.
    expect(paths[0]?.getAttribute('d')).toMatch(/^M36,[\d.]+H214V[\d.]+H392V[\d.]+H214V[\d.]+H36Z$/);
    expect(document.querySelectorAll('svg style')).toHaveLength(0);
  });

  test('escapes what comes from files, in text, attributes and data', async () => {
    const html = await page(contentOf(model(EVIL)));
    const { document } = parseHTML(html);
    expect(html).not.toContain('<script>alert');
    expect(texts(document, 'figcaption strong')[0]).toBe(EVIL);
    expect(document.querySelector('svg')?.getAttribute('aria-label')).toContain(EVIL);
    expect(document.querySelectorAll('script')).toHaveLength(2);
    const report = JSON.parse(document.querySelector('#report')?.textContent ?? '');
    expect(report.layers[1].layer).toBe(EVIL);
  });

  test('asks for nothing, and is the same each time', async () => {
    const html = await page(contentOf(model()));
    expect(html).not.toMatch(/https?:|url\(|@import|<link|<img|src=/i);
    const policy = parseHTML(html).document.querySelector('meta[http-equiv]')?.getAttribute('content');
    expect(policy).toContain("default-src 'none'");
    expect(await page(contentOf(model()))).toBe(html);
  });

  test('leaves a report out that is too long for it, and says so', async () => {
    const content = { ...contentOf(model()), report: { long: 'x'.repeat(1 << 20) } };
    const document = await parsed(content);
    expect(document.querySelector('#report')).toBeNull();
    expect(document.querySelector('footer')?.textContent).toContain('--json');
  });

  test('says in words what cannot be drawn', async () => {
    const zero = await parsed(contentOf(model('conv', [0, 0, 0, 0])));
    expect(zero.querySelector('#strip-1')?.textContent).toContain('before: all weights are 0');
    expect(zero.querySelector('#strip-1 svg')).toBeNull();
    const broken = await parsed(contentOf(model('conv', [NaN, 1, 2, 3])));
    expect(broken.querySelector('#strip-1 svg')).toBeNull();
    expect(texts(broken, 'p').join()).toContain('a weight of the model is not finite');
    expect(broken.querySelectorAll('#strip-2 svg')).toHaveLength(1);
    const none = await parsed(contentOf(buildModel([input('x', [2]), layer('ReLU', 'relu')])));
    expect(texts(none, 'h2')).not.toContain('Channel ranges');
  });
});
