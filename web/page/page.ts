/**
 * What a person does on the page, and what comes of it: each action asks the worker and changes the state, which is then shown.
 *
 * @module
 */

import { named } from 'crosslayer/report';
import type { OperationName, Operations, PickedFile, TakenForm } from '../protocol.ts';
import type { Engine } from '../worker-client.ts';
import { Choices } from './choices/choices.ts';
import { DamageView } from './choices/damage-table.ts';
import {
  askedChoice,
  hasRelu6,
  type PreviewedChoice,
  previewedChoices,
} from './choices/previewed-choices.ts';
import { type Asked, CompareView } from './compare/compare-view.ts';
import { fileThumbnails, NO_THUMBNAILS, type Thumbnails } from './compare/thumbnails.ts';
import { VerifyView } from './compare/verify-view.ts';
import { byId, drawn, setEnabled } from './dom.ts';
import { LayerMap } from './map/layer-map.ts';
import { renderLayer } from './map/layer-panel.ts';
import { showSpreadLegend } from './map/spread-mark.ts';
import { arePictures, listenForFiles, pictureObstacle } from './open/opening.ts';
import { renderSummary } from './open/summary.ts';
import { isSameChoice, type Settings } from './settings.ts';
import { isUntaken, newlyOpened, type State, Store } from './state.ts';
import { renderEqualized } from './take/equalized-view.ts';
import { letGo, save } from './take/saved-download.ts';
import { TakeView, takeAsked } from './take/take-view.ts';
import { TfliteView, tfliteAsked } from './take/tflite-view.ts';
import { Messages } from './tasks/messages.ts';
import { TASKS, type Task } from './tasks/tasks.ts';
import { WorkQueue } from './tasks/work-queue.ts';

const OPENING_FAILED = TASKS.open.failed;

const NOTHING_ROUNDED =
  'Without an 8-bit target nothing is rounded. Choose one below to see which layers hurt there.';

const UNTAKEN =
  'The equalized model was not taken home yet, and is lost once another one is open. Open another one all the same?';

/** Connects the sections of the page with the worker. */
export class Page {
  readonly #queue: WorkQueue;
  readonly #messages = new Messages(() => this.#queue.cancel());
  readonly #map = new LayerMap({
    choose: (layer) => this.#store.set({ layer }),
    look: (side) => this.#store.set({ side }),
  });
  readonly #damage = new DamageView({
    choose: (layer) => this.#goTo(layer),
    rank: (part) => this.#store.set({ ranking: { ...this.#state.ranking, ...part } }),
  });
  readonly #choices = new Choices({
    equalize: (pictures) => void this.#equalize(pictures),
    change: (to) => this.#change(to),
  });
  readonly #compare = new CompareView({
    compare: (asked) => void this.#compareOn(asked),
    fail: (message) => this.#messages.showError('That cannot be done yet.', message),
  });
  readonly #verify = new VerifyView((asked) => void this.#verifyFiles(asked));
  readonly #take = new TakeView({
    take: (form) => void this.#takeAs(form),
    change: (to) => this.#change(to),
  });
  readonly #tflite = new TfliteView({
    take: (asked) => void this.#takeTflite(asked),
    change: (part) => this.#change((settings) => ({ ...settings, tflite: { ...settings.tflite, ...part } })),
    fail: (message) => this.#messages.showError(TASKS.takeTflite.failed, message),
  });
  readonly #store = new Store([
    renderOpen,
    renderSummary,
    (...states) => this.#map.render(...states),
    renderLayer,
    (...states) => this.#damage.render(...states),
    (...states) => this.#choices.render(...states),
    renderEqualized,
    (...states) => this.#compare.render(...states),
    (...states) => this.#verify.render(...states),
    (...states) => this.#take.render(...states),
    (...states) => this.#tflite.render(...states),
  ]);

  constructor(engine: Engine) {
    this.#queue = new WorkQueue(engine);
    showSpreadLegend(byId('map-legend', HTMLElement));
    listenForFiles({
      openFiles: (files) => this.#takeFiles(files),
      openExample: () => void this.#open('openExample', {}),
      fail: (message) => this.#messages.showError(OPENING_FAILED, message),
    });
    addEventListener('beforeunload', (event) => {
      if (isUntaken(this.#state)) event.preventDefault();
    });
  }

  get #state(): State {
    return this.#store.state;
  }

  #takeFiles(files: readonly PickedFile[]): void {
    if (this.#state.isBusy) {
      this.#messages.showError(
        OPENING_FAILED,
        'Something else is being done. Wait for it, or cancel it first.',
      );
      return;
    }
    if (arePictures(files)) this.#takePictures(files);
    else void this.#open('open', { files });
  }

  #takePictures(files: readonly PickedFile[]): void {
    const obstacle = pictureObstacle(this.#state.opened);
    if (obstacle !== undefined) {
      this.#messages.showError('The pictures were not taken.', obstacle);
      return;
    }
    this.#messages.clearError();
    this.#choices.takePictures(files);
    this.#compare.takePictures(files);
    this.#verify.takePictures(files);
    this.#tflite.takePictures(files);
    byId('compare-title', HTMLElement).scrollIntoView();
    if (!this.#state.equalized)
      this.#messages.announce('The pictures are kept. Equalize the model to compare on them.');
  }

  async #open<Name extends 'open' | 'openExample'>(
    name: Name,
    asked: Operations[Name]['asked'],
  ): Promise<void> {
    if (isUntaken(this.#state) && !confirm(UNTAKEN)) return;
    const opened = await this.#ask(name, asked, TASKS[name], ({ map }) => this.#map.prepare(map));
    if (!opened) return;
    this.#queue.mayInterrupt = true;
    this.#letGoOfTaken();
    if (this.#state.tflite) letGo(this.#state.tflite.saved);
    await this.#store.set(newlyOpened(opened));
    await drawn();
    await this.#store.set({ isShown: true });
    const title = byId('model-title', HTMLElement);
    title.focus({ preventScroll: true });
    title.scrollIntoView();
    this.#messages.announce(`${opened.fileName} is open: ${opened.map.length} layers.`);
    this.#lookAround();
  }

  #letGoOfTaken(): void {
    this.#state.thumbnails.dispose();
    for (const saved of this.#state.taken.values()) letGo(saved);
  }

  /** What is looked at while the person reads. */
  #lookAround(): void {
    void this.#lookAtDamage();
    for (const choice of previewedChoices(hasRelu6(this.#state.opened))) void this.#lookAhead(choice);
  }

  #goTo(layer: string): void {
    this.#store.set({ layer });
    byId('layer-title', HTMLElement).focus();
  }

  #change(to: (settings: Settings) => Settings): void {
    this.#store.set({ settings: to(this.#state.settings) });
    if (this.#state.opened) void this.#lookAtDamage();
  }

  async #lookAtDamage(): Promise<void> {
    const of = askedChoice(this.#state);
    const { damage } = this.#state;
    if (damage.kind !== 'none' && isSameChoice(damage.of, of)) return;
    if (of.target === 'float') {
      this.#store.set({ damage: { kind: 'unknown', of, reason: NOTHING_ROUNDED } });
      return;
    }
    this.#store.set({ damage: { kind: 'waiting', of } });
    const outcome = await this.#queue.ask('damage', of, { urgency: 'meanwhile' });
    const { damage: now } = this.#state;
    if (now.kind !== 'waiting' || now.of !== of) return;
    switch (outcome.kind) {
      case 'done':
        return this.#store.set({ damage: { kind: 'known', of, ...outcome.result } });
      case 'failed': {
        const reason = `That could not be found out: ${outcome.message}`;
        return this.#store.set({ damage: { kind: 'unknown', of, reason } });
      }
      case 'cancelled':
        return this.#store.set({ damage: { kind: 'none' } });
    }
  }

  /** One choice after the other, so that what the person asks for next does not wait for all of them. */
  async #lookAhead(choice: PreviewedChoice): Promise<void> {
    const outcome = await this.#queue.ask('preview', choice, { urgency: 'meanwhile' });
    if (outcome.kind === 'cancelled') return;
    const preview =
      outcome.kind === 'done'
        ? outcome.result
        : { ...choice, gainDb: null, cost: outcome.message, obstacle: null };
    this.#store.set({ previews: [...this.#state.previews, preview] });
  }

  async #equalize(pictures: readonly PickedFile[]): Promise<void> {
    const choice = askedChoice(this.#state);
    const { verify, normalization } = this.#state.settings;
    const equalized = await this.#ask(
      'equalize',
      { ...choice, verify, pictures, normalization },
      TASKS.equalize,
    );
    if (!equalized) return;
    this.#queue.mayInterrupt = false;
    this.#letGoOfTaken();
    const { report } = equalized;
    await this.#store.set({
      equalized,
      side: 'after',
      ...(equalized.damage
        ? { damage: { kind: 'known', of: choice, report: equalized.damage, weightSqnr: report.weightSqnr } }
        : {}),
      ...{ comparison: undefined, thumbnails: NO_THUMBNAILS, taken: new Map() },
    });
    // Something else may have been chosen while it was equalized.
    void this.#lookAtDamage();
    byId('equalized-title', HTMLElement).focus();
  }

  async #compareOn(asked: Asked): Promise<void> {
    const { normalization } = this.#state.settings;
    const comparison = await this.#ask('compare', { ...asked, normalization }, TASKS.compare);
    if (!comparison) return;
    const thumbnails = await thumbnailsOf(asked);
    this.#state.thumbnails.dispose();
    await this.#store.set({ comparison, thumbnails });
    byId('comparison-title', HTMLElement).focus();
  }

  async #verifyFiles(asked: Pick<Operations['verify']['asked'], 'files' | 'pictures'>): Promise<void> {
    const { normalization } = this.#state.settings;
    const report = await this.#ask('verify', { ...asked, normalization }, TASKS.verify);
    if (!report) return;
    await this.#store.set({
      verified: { fileName: named(asked.files.map(({ file }) => file.name)), report },
    });
    byId('verified-title', HTMLElement).focus();
  }

  async #takeAs(form: TakenForm): Promise<void> {
    const asked = takeAsked(form, this.#state.settings);
    if (typeof asked === 'string') {
      this.#messages.showError(TASKS.take.failed, asked);
      return;
    }
    const download = await this.#ask('take', asked, TASKS.take);
    if (!download) return;
    const last = this.#state.taken.get(form);
    if (last) letGo(last);
    this.#store.set({ taken: new Map(this.#state.taken).set(form, save(download)) });
    this.#messages.announce(`${download.fileName} is ready.`);
  }

  async #takeTflite(on: Pick<Operations['takeTflite']['asked'], 'pictures' | 'labels'>): Promise<void> {
    const asked = tfliteAsked(this.#state.settings.tflite);
    if (typeof asked === 'string') {
      this.#messages.showError(TASKS.takeTflite.failed, asked);
      return;
    }
    const { normalization } = this.#state.settings;
    const taken = await this.#ask('takeTflite', { ...asked, ...on, normalization }, TASKS.takeTflite);
    if (!taken) return;
    if (this.#state.tflite) letGo(this.#state.tflite.saved);
    const { download, ...told } = taken;
    this.#store.set({ tflite: { ...told, saved: save(download) } });
    this.#messages.announce(`${download.fileName} is ready.`);
  }

  /**
   * Asks for something that the person waits for; undefined where it was cancelled or went wrong, which is shown.
   *
   * @param prepare what takes a while before the result can be shown
   */
  async #ask<Name extends OperationName>(
    name: Name,
    asked: Operations[Name]['asked'],
    { title, failed }: Task,
    prepare?: (result: Operations[Name]['result']) => Promise<void>,
  ): Promise<Operations[Name]['result'] | undefined> {
    this.#messages.clearError();
    this.#messages.showProgress(title, null);
    this.#store.set({ isBusy: true });
    const outcome = await this.#queue.ask(name, asked, {
      urgency: 'asked',
      replacesMeanwhile: name === 'open' || name === 'openExample',
      onProgress: (text, share) => this.#messages.showProgress(text, share),
    });
    if (outcome.kind === 'done') await prepare?.(outcome.result);
    this.#messages.hideProgress();
    this.#store.set({ isBusy: false });
    switch (outcome.kind) {
      case 'done':
        return outcome.result;
      case 'cancelled':
        this.#messages.announce('Cancelled. Everything is as it was before.');
        return undefined;
      case 'failed':
        this.#messages.showError(
          failed,
          outcome.isExpected
            ? outcome.message
            : `${outcome.message.replace(/\.$/, '')}. What was open is open still`,
        );
        return undefined;
    }
  }
}

/** Whether a model is shown, and another may be opened. */
function renderOpen({ isShown, isBusy }: State): void {
  document.documentElement.classList.toggle('has-model', isShown);
  byId('opened', HTMLElement).hidden = !isShown;
  for (const id of ['choose-files', 'choose-folder', 'open-example']) {
    setEnabled(byId(id, HTMLButtonElement), !isBusy);
  }
}

async function thumbnailsOf({ pictures }: Asked): Promise<Thumbnails> {
  if (pictures !== 'example') return fileThumbnails(pictures);
  const { exampleThumbnails } = await import('./compare/example-thumbnails.ts');
  // Predictions without pictures are better than none.
  return exampleThumbnails().catch(() => NO_THUMBNAILS);
}
