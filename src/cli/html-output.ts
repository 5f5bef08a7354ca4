/**
 * The file of `--report`.
 *
 * @module
 */

import fs from 'node:fs';
import path from 'node:path';
import { OutputError } from '../errors.ts';
import { PendingOutput, writeWhole } from '../node/pending-output.ts';
import { htmlReport } from '../report/html/html-report.ts';
import type { ReportContent } from '../report/html/report-content.ts';
import { progress } from './terminal.ts';

/** Where reports go, and what is replaced. */
export interface HtmlOutputOptions {
  /** The file; undefined where none is asked for. */
  readonly report?: string | undefined;
  /** Where the model goes, whose folder need not exist yet; undefined for a command that writes none. */
  readonly output?: string;
  readonly force?: boolean;
}

/** Writes the report that was asked for. */
export type WriteHtml = (content: () => ReportContent) => void;

/**
 * Sees to it before long work that a report can be written.
 *
 * @returns what writes it; undefined where none is asked for.
 * @throws OutputError where it cannot.
 */
export function checkHtmlOutput(options: HtmlOutputOptions): WriteHtml | undefined {
  const { report, output, force = false } = options;
  if (report === undefined) return undefined;
  if (!/\.html?$/i.test(report))
    throw new OutputError(report, 'a report is a page; name a file that ends with .html');
  if (output !== undefined && path.resolve(report) === path.resolve(output)) {
    throw new OutputError(report, 'is where the model goes; choose another name for the report');
  }
  const isInNewFolder =
    output !== undefined &&
    path.dirname(path.resolve(report)) === path.resolve(output) &&
    !fs.existsSync(output);
  if (!isInNewFolder) new PendingOutput(report, { force }).discard();
  return (content) => {
    progress.say(`writing ${report}`);
    writeWhole(report, new TextEncoder().encode(htmlReport(content())), { force });
  };
}
