/**
 * What is open on the page, and what is done with it.
 *
 * @module
 */

import type { DamageReport } from 'crosslayer/report';
import type {
  Choice,
  EqualizedModel,
  OpenedModel,
  OperationName,
  Operations,
  PickedFile,
  TakenForm,
} from '../protocol.ts';
import type { Engine } from '../worker-client.ts';
import { Choices } from './choices/choices.ts';
import { showDamage, showNoDamage } from './choices/damage-table.ts';
import { type Asked, CompareView } from './compare/compare-view.ts';
import { fileThumbnails, NO_THUMBNAILS, type Thumbnails } from './compare/thumbnails.ts';
import { byId, setEnabled } from './dom.ts';
import { LayerMap } from './map/layer-map.ts';
import { showLayer, showNoLayer } from './map/layer-panel.ts';
import { showSpreadLegend } from './map/spread-mark.ts';
import { arePictures, listenForFiles, pictureObstacle } from './open/opening.ts';
import { showSummary } from './open/summary.ts';
import { hideEqualized, showEqualized } from './take/equalized-view.ts';
import { TakeView } from './take/take-view.ts';
import { TfliteView } from './take/tflite-view.ts';
import { Messages } from './tasks/messages.ts';
import { TASKS, type Task } from './tasks/tasks.ts';
import { WorkQueue } from './tasks/work-queue.ts';

const OPENING_FAILED = TASKS.open.failed;

/** Connects the sections of the page with the worker. */
export class Page {
  readonly #queue: WorkQueue;
  readonly #messages = new Messages(() => this.#queue.cancel());
  readonly #map = new LayerMap((layer) => this.#chooseLayer(layer, { moves: false }));
  readonly #choices = new Choices({
    equalize: (choice, verify) => void this.#equalize(choice, verify),
    changed: (choice) => void this.#lookAtDamage(choice),
    look: () => void this.#lookNow(),
  });
  readonly #compare = new CompareView({
    compare: (asked) => void this.#compareOn(asked),
    fail: (message) => this.#messages.showError('That cannot be done yet.', message),
  });
  readonly #take = new TakeView((form) => void this.#takeAs(form));
  readonly #tflite = new TfliteView({
    take: (asked) => void this.#takeTflite(asked),
    fail: (message) => this.#messages.showError(TASKS.takeTflite.failed, message),
  });
  #opened: OpenedModel | undefined;
  #equalized: EqualizedModel | undefined;
  #damage: DamageReport | undefined;
  /** What the damage that is shown, or looked at, is of. */
  #damageOf: Choice | undefined;
  #layer: string | undefined;
  #thumbnails: Thumbnails = NO_THUMBNAILS;
  #isBusy = false;

  constructor(engine: Engine) {
    this.#queue = new WorkQueue(engine);
    showSpreadLegend(byId('map-legend', HTMLElement));
    listenForFiles({
      openFiles: (files) => this.#takeFiles(files),
      openExample: () => void this.#open('openExample', {}),
      fail: (message) => this.#messages.showError(OPENING_FAILED, message),
    });
    byId('map-side', HTMLElement).addEventListener('change', () => this.#showSpreads());
  }

  #takeFiles(files: readonly PickedFile[]): void {
    if (this.#isBusy) {
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
    const obstacle = pictureObstacle(this.#opened);
    if (obstacle !== undefined) {
      this.#messages.showError('The pictures were not taken.', obstacle);
      return;
    }
    this.#messages.clearError();
    this.#compare.takePictures(files);
    this.#tflite.takePictures(files);
    byId('compare-title', HTMLElement).scrollIntoView();
    if (!this.#equalized)
      this.#messages.announce('The pictures are kept. Equalize the model to compare on them.');
  }

  async #open<Name extends 'open' | 'openExample'>(
    name: Name,
    asked: Operations[Name]['asked'],
  ): Promise<void> {
    const opened = await this.#ask(name, asked, TASKS[name]);
    if (!opened) return;
    this.#queue.mayInterrupt = true;
    this.#opened = opened;
    this.#equalized = undefined;
    this.#damage = undefined;
    this.#damageOf = undefined;
    this.#layer = undefined;
    this.#showOpened(opened);
    const title = byId('model-title', HTMLElement);
    title.focus({ preventScroll: true });
    title.scrollIntoView();
    this.#messages.announce(`${opened.fileName} is open: ${opened.map.length} layers.`);
    this.#lookAround();
  }

  /** What is looked at while the person reads. */
  #lookAround(): void {
    void this.#lookAtDamage(this.#choices.choice());
    void this.#lookAhead();
  }

  #showOpened(opened: OpenedModel): void {
    document.documentElement.classList.add('has-model');
    byId('opened', HTMLElement).hidden = false;
    showSummary(opened);
    byId('map-side', HTMLFieldSetElement).hidden = true;
    this.#map.show(opened.map, undefined);
    showNoLayer();
    const widest = layerOfLargestSpread(opened);
    if (widest !== undefined) this.#chooseLayer(widest, { moves: false });
    this.#choices.show(opened);
    hideEqualized();
    this.#compare.show(opened, undefined);
    this.#take.show(opened, undefined);
    this.#tflite.show(opened);
  }

  #chooseLayer(layer: string, { moves }: { readonly moves: boolean }): void {
    if (!this.#opened) return;
    this.#layer = layer;
    this.#map.select(layer);
    showLayer(layer, { opened: this.#opened, equalized: this.#equalized, damage: this.#damage });
    if (moves) byId('layer-title', HTMLElement).focus();
  }

  #refreshLayer(): void {
    if (this.#layer !== undefined) this.#chooseLayer(this.#layer, { moves: false });
  }

  async #lookAtDamage(choice: Choice): Promise<void> {
    const opened = this.#opened;
    if (!opened || (this.#damage && isSameChoice(this.#damageOf, choice))) return;
    this.#damageOf = choice;
    this.#damage = undefined;
    if (choice.target === 'float') {
      showNoDamage(
        'Without an 8-bit target nothing is rounded. Choose one below to see which layers hurt there.',
      );
      this.#refreshLayer();
      return;
    }
    showNoDamage('Looking at what each layer does\u2026');
    const outcome = await this.#queue.ask('damage', choice, { urgency: 'meanwhile' });
    if (this.#opened !== opened || this.#damageOf !== choice) return;
    if (outcome.kind === 'done') this.#setDamage(outcome.result);
    else if (outcome.kind === 'failed') showNoDamage(`That could not be found out: ${outcome.message}`);
  }

  #setDamage(damage: DamageReport): void {
    this.#damage = damage;
    showDamage(damage, (layer) => this.#chooseLayer(layer, { moves: true }));
    this.#refreshLayer();
  }

  async #lookAhead(): Promise<void> {
    if (this.#choices.arePreviewsKnown) return;
    const opened = this.#opened;
    const outcome = await this.#queue.ask('preview', {}, { urgency: 'meanwhile' });
    if (this.#opened !== opened) return;
    if (outcome.kind === 'done') this.#choices.setPreviews(outcome.result);
    else if (outcome.kind === 'failed') this.#choices.setNoPreviews(`Not known: ${outcome.message}`);
  }

  /** The same where the person asks for it, after it was left out. */
  async #lookNow(): Promise<void> {
    const opened = this.#opened;
    const previews = await this.#ask('preview', {}, TASKS.preview);
    if (previews && this.#opened === opened) this.#choices.setPreviews(previews);
  }

  async #equalize(choice: Choice, verify: boolean): Promise<void> {
    const opened = this.#opened;
    // It would be begun again afterwards, and what the person asks for next would wait for it.
    this.#queue.dropMeanwhile();
    const equalized = await this.#ask('equalize', { ...choice, verify }, TASKS.equalize);
    if (!opened || this.#opened !== opened) return;
    if (!equalized) {
      this.#lookAround();
      return;
    }
    if (!this.#choices.arePreviewsKnown) this.#choices.setLeftOut();
    this.#equalized = equalized;
    this.#queue.mayInterrupt = false;
    showEqualized(equalized, opened);
    byId('map-side', HTMLFieldSetElement).hidden = false;
    setMapSide('after');
    this.#showSpreads();
    this.#damageOf = choice;
    if (equalized.damage) this.#setDamage(equalized.damage);
    else this.#refreshLayer();
    // Something else may have been chosen while it was equalized.
    void this.#lookAtDamage(this.#choices.choice());
    this.#compare.show(opened, equalized);
    this.#take.show(opened, equalized);
    byId('equalized-title', HTMLElement).focus();
  }

  #showSpreads(): void {
    const after =
      byId('map-side', HTMLElement).querySelector<HTMLInputElement>('input:checked')?.value === 'after';
    this.#map.setSpreads(after && this.#equalized ? new Map(this.#equalized.spreads) : undefined);
  }

  async #compareOn(asked: Asked): Promise<void> {
    const opened = this.#opened;
    const comparison = await this.#ask('compare', asked, TASKS.compare);
    if (!comparison || !opened || this.#opened !== opened) return;
    this.#thumbnails.dispose();
    this.#thumbnails = await thumbnailsOf(asked);
    this.#compare.showComparison(comparison, opened.isExample, this.#thumbnails);
  }

  async #takeAs(form: TakenForm): Promise<void> {
    const opened = this.#opened;
    const download = await this.#ask('take', { form }, TASKS.take);
    if (!download || this.#opened !== opened) return;
    this.#take.save(form, download);
    this.#messages.announce(`${download.fileName} is ready.`);
  }

  async #takeTflite(asked: Operations['takeTflite']['asked']): Promise<void> {
    const opened = this.#opened;
    const taken = await this.#ask('takeTflite', asked, TASKS.takeTflite);
    if (!taken || this.#opened !== opened) return;
    this.#tflite.save(taken);
    this.#messages.announce(`${taken.download.fileName} is ready.`);
  }

  /** Asks for something that the person waits for; undefined where it was cancelled or went wrong, which is shown. */
  async #ask<Name extends OperationName>(
    name: Name,
    asked: Operations[Name]['asked'],
    { title, failed }: Task,
  ): Promise<Operations[Name]['result'] | undefined> {
    this.#messages.clearError();
    this.#messages.showProgress(title, null);
    this.#setBusy(true);
    const outcome = await this.#queue.ask(name, asked, {
      urgency: 'asked',
      replacesMeanwhile: name === 'open' || name === 'openExample',
      onProgress: (text, share) => this.#messages.showProgress(text, share),
    });
    this.#messages.hideProgress();
    this.#setBusy(false);
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

  #setBusy(isBusy: boolean): void {
    this.#isBusy = isBusy;
    for (const id of ['choose-files', 'choose-folder', 'open-example']) {
      setEnabled(byId(id, HTMLButtonElement), !isBusy);
    }
    this.#choices.setBusy(isBusy);
    this.#compare.setBusy(isBusy);
    this.#take.setBusy(isBusy);
    this.#tflite.setBusy(isBusy);
  }
}

function isSameChoice(one: Choice | undefined, other: Choice): boolean {
  return one?.target === other.target && one.relu6 === other.relu6;
}

function setMapSide(side: 'before' | 'after'): void {
  for (const input of byId('map-side', HTMLElement).querySelectorAll('input')) {
    input.checked = input.value === side;
  }
}

function layerOfLargestSpread({ map }: OpenedModel): string | undefined {
  return map.reduce<OpenedModel['map'][number] | undefined>(
    (most, one) => ((one.spread ?? -1) > (most?.spread ?? -1) ? one : most),
    undefined,
  )?.layer;
}

async function thumbnailsOf({ pictures }: Asked): Promise<Thumbnails> {
  if (pictures !== 'example') return fileThumbnails(pictures);
  const { exampleThumbnails } = await import('./compare/example-thumbnails.ts');
  // Predictions without pictures are better than none.
  return exampleThumbnails().catch(() => NO_THUMBNAILS);
}
