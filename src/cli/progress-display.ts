/**
 * What a person sees of a long command while it works: what it does, how much of that is done, and how long it will take.
 *
 * @module
 */

import type { Progress } from '../model/progress.ts';
import { visible } from '../text/visible.ts';
import { widthOf } from './wrap.ts';

/** Where progress is shown: standard error. */
export type ProgressStream = Pick<NodeJS.WriteStream, 'write'> & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

/** Up to the line, and all from there. The line is ended at once, so that whatever stops the process leaves a whole one. */
const TAKEN_AWAY = '\x1b[1A\r\x1b[J';

/** Between two looks of the line on a terminal, in ms. */
const REWRITTEN_AFTER = 100;
/** Between two lines elsewhere. */
const NEXT_LINE_AFTER = 10_000;
/** A stage has to take this long before it says how long it will take. */
const TOLD_AFTER = 1000;

interface Stage {
  readonly stage: string;
  readonly since: number;
  readonly done: number;
  readonly total: number;
}

/**
 * On a terminal one line that is written anew; elsewhere a line now and then, the first not before the command has taken that
 * long.
 */
export class ProgressDisplay {
  readonly #stream: ProgressStream;
  readonly #now: () => number;
  #shown: number | undefined;
  #isOn = false;
  #isQuiet = false;
  /** What stands before all texts: which of several models it is. */
  #subject = '';
  #said: { readonly text: string; readonly stage: string | undefined } = NOTHING;
  /** The stage that goes on, and a run within it. */
  #stages: readonly Stage[] = [];

  /** @param now in ms, from any point on */
  constructor(stream: ProgressStream, now: () => number) {
    this.#stream = stream;
    this.#now = now;
  }

  /** Begins anew, for another command. */
  begin({ quiet }: { readonly quiet: boolean }): void {
    this.clear();
    this.#isQuiet = quiet;
    this.#subject = '';
    this.#shown = this.#stream.isTTY === true ? undefined : this.#now();
  }

  /** Which of several models it is about from now on: `[2/5] net.keras`. */
  about(subject: string): void {
    this.#subject = subject;
  }

  /**
   * Says what is done now: `reading net.keras`.
   *
   * @param stage the one that tells how much of that is done; the next that is another has its own name
   */
  say(text: string, stage?: string): void {
    const isNew = text !== this.#said.text;
    this.#said = { text, stage };
    this.#stages = [];
    this.#show(isNew);
  }

  /** Says how much of it is done. */
  readonly tell = ({ stage, done, total }: Progress): void => {
    if (stage !== this.#said.stage) this.#said = NOTHING;
    const outer = this.#stages[0];
    const isWithinOther = outer !== undefined && outer.stage !== stage && outer.done < outer.total;
    const known = this.#stages.find((one) => one.stage === stage);
    const isGoingOn = known !== undefined && known.done <= done && known.total === total;
    const now: Stage = { stage, done, total, since: isGoingOn ? known.since : this.#now() };
    this.#stages = isWithinOther ? [outer, now] : [now];
    this.#show(!isGoingOn);
  };

  /** Takes the line away. */
  clear(): void {
    if (this.#isOn) this.#stream.write(TAKEN_AWAY);
    this.#isOn = false;
    this.#said = NOTHING;
    this.#stages = [];
  }

  #show(isNew: boolean): void {
    if (this.#isQuiet) return;
    const { isTTY = false } = this.#stream;
    const now = this.#now();
    const wait = isTTY ? (isNew ? 0 : REWRITTEN_AFTER) : NEXT_LINE_AFTER;
    if (this.#shown !== undefined && now - this.#shown < wait) return;
    this.#shown = now;
    const line = visible(this.#line(now));
    // A line that goes on below cannot be taken away.
    const shown = isTTY ? line.slice(0, (widthOf(this.#stream) ?? 80) - 1) : line;
    this.#stream.write(`${this.#isOn ? TAKEN_AWAY : ''}${shown}\n`);
    this.#isOn = isTTY;
  }

  #share({ stage, done, total }: Stage): string {
    const { text, stage: said } = this.#said;
    return `${said === stage ? text : stage} ${Math.floor((100 * done) / total)} %`;
  }

  #line(now: number): string {
    const parts = [
      ...(this.#subject === '' ? [] : [this.#subject]),
      ...(this.#stages.length === 0 ? [this.#said.text] : this.#stages.map((stage) => this.#share(stage))),
      ...this.#stages.flatMap((stage) => leftOf(stage, now)).slice(0, 1),
    ];
    return parts.join(' · ');
  }
}

const NOTHING = { text: '', stage: undefined };

/** How long the rest of a stage takes at its pace; nothing where that cannot be said yet. */
function leftOf({ since, done, total }: Stage, now: number): string[] {
  const elapsed = now - since;
  if (done === 0 || done === total || elapsed < TOLD_AFTER) return [];
  const seconds = Math.ceil((elapsed * (total - done)) / done / 1000);
  return [`${seconds < 100 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`} left`];
}
