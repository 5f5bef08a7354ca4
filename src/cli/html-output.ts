/**
 * The file of `--report`.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import { CannotRunError, OutputError } from '../errors.ts';
import { PendingOutput } from '../node/files.ts';
import { htmlReport } from '../report/html/html-report.ts';
import type { ReportContent } from '../report/html/report-content.ts';
import { progress } from './render.ts';

/** Where reports go, and what is replaced. */
export interface HtmlOutputOptions {
  /** The file; undefined where none is asked for. */
  readonly report?: string | undefined;
  /** Where the model goes, whose folder need not exist yet; undefined for a command that writes none. */
  readonly output?: string;
  readonly force?: boolean;
}

/** Writes the report that was asked for. */
export type WriteHtml = (content: () => ReportContent) => Promise<void>;

/**
 * Sees to it before long work that a report can be made and written.
 *
 * @returns what writes it; undefined where none is asked for.
 * @throws OutputError where the file cannot be written; CannotRunError where what draws is not installed.
 */
export async function checkHtmlOutput(options: HtmlOutputOptions): Promise<WriteHtml | undefined> {
  const { report, output, force = false } = options;
  if (report === undefined) return undefined;
  if (!/\.html?$/i.test(report))
    throw new OutputError(report, 'a report is a page; name a file that ends with .html');
  if (output !== undefined && path.resolve(report) === path.resolve(output)) {
    throw new OutputError(report, 'is where the model goes; choose another name for the report');
  }
  const document = await newDocument();
  const isInNewFolder =
    output !== undefined &&
    path.dirname(path.resolve(report)) === path.resolve(output) &&
    !fs.existsSync(output);
  if (!isInNewFolder) new PendingOutput(report, { force }).discard();
  return async (content) => {
    progress(`writing ${report}`);
    const bytes = new TextEncoder().encode(await htmlReport(content(), document));
    const pending = new PendingOutput(report, { force });
    try {
      pending.main.write(0, bytes);
      pending.commit();
    } catch (error) {
      pending.discard();
      throw error;
    }
  };
}

/** A document to draw in, and that what draws is there. */
async function newDocument(): Promise<Document> {
  try {
    const [{ parseHTML }] = await Promise.all([import('linkedom'), import('@observablehq/plot')]);
    return parseHTML('<!doctype html><html><body></body></html>').document;
  } catch (cause) {
    throw new CannotRunError(
      '',
      '--report: charts are drawn by packages that are not installed; npm install @observablehq/plot linkedom',
      { cause },
    );
  }
}
