/**
 * What an HTML report says, apart from how it looks.
 *
 * @module
 */

import type { ReportSubject } from './report-subject.ts';

/** A report as its reader meets it, from top to bottom. */
export interface ReportContent {
  readonly subject: ReportSubject;
  /** What was done, in a line. */
  readonly purpose: string;
  readonly facts: readonly Fact[];
  /** Before the layers and their strips; sections without blocks are left out. */
  readonly sections: readonly ReportSection[];
  /** Shares of the predicted error of the outputs, by the paths of layers, where they are known. */
  readonly damage: ReadonlyMap<string, DamageShare>;
  /** The same for programs; goes into the page. */
  readonly report: object;
}

/** Shares from 0 to 1. */
export interface DamageShare {
  readonly before: number | undefined;
  readonly after: number | undefined;
}

/** A titled part of a report. */
export interface ReportSection {
  readonly title: string;
  readonly blocks: readonly ReportBlock[];
}

/** A short name and a short value. */
export type Fact = readonly [name: string, value: string];

/** Text, a list, or a table whose columns named in `right` (by index) hold numbers. */
export type ReportBlock =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly title: string; readonly items: readonly string[] }
  | {
      readonly kind: 'table';
      readonly header: readonly string[];
      readonly rows: readonly (readonly string[])[];
      readonly right: readonly number[];
    };

/** A text block. */
export function text(line: string): ReportBlock {
  return { kind: 'text', text: line };
}

/** A list under a title; no block where it would be empty. */
export function list(title: string, items: readonly string[]): ReportBlock[] {
  return items.length === 0 ? [] : [{ kind: 'list', title, items }];
}

/** A table; columns named in `right` (by index) hold numbers. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): ReportBlock {
  return { kind: 'table', header, rows, right };
}
