/**
 * Everything that the page shows, in one place.
 *
 * @module
 */

import type { VerifyReport } from 'crosslayer';
import type {
  Choice,
  Comparison,
  Damage,
  EqualizedModel,
  OpenedModel,
  Preview,
  TakenForm,
  TakenTflite,
} from '../protocol.ts';
import type { Ranking } from './choices/damage-rows.ts';
import { NO_THUMBNAILS, type Thumbnails } from './compare/thumbnails.ts';
import { drawn } from './dom.ts';
import { type Settings, USUAL_SETTINGS } from './settings.ts';
import type { SavedDownload } from './take/saved-download.ts';

/** What is known of which layer hurts, and for which choice. */
export type KnownDamage =
  | { readonly kind: 'none' }
  | { readonly kind: 'waiting'; readonly of: Choice }
  | ({ readonly kind: 'known'; readonly of: Choice } & Damage)
  | { readonly kind: 'unknown'; readonly of: Choice; readonly reason: string };

/** Which side of the map is shown. */
export type MapSide = 'before' | 'after';

/** A `.tflite` file that was made, and what is to be said of it. */
export interface MadeTflite extends Omit<TakenTflite, 'download'> {
  readonly saved: SavedDownload;
}

/** What of the page belongs to the model that is open. */
interface OfModel {
  readonly opened: OpenedModel | undefined;
  /** Whether its sections are shown: they are made first, so that the browser need not lay them out in the same task. */
  readonly isShown: boolean;
  readonly equalized: EqualizedModel | undefined;
  /** What choices would bring, as far as that is known. */
  readonly previews: readonly Preview[];
  readonly damage: KnownDamage;
  /** The path of the layer that is chosen. */
  readonly layer: string | undefined;
  readonly side: MapSide;
  readonly comparison: Comparison | undefined;
  readonly thumbnails: Thumbnails;
  /** What another file showed beside the model that was opened. */
  readonly verified: { readonly fileName: string; readonly report: VerifyReport } | undefined;
  /** Downloads that were made of the model as it is now. */
  readonly taken: ReadonlyMap<TakenForm, SavedDownload>;
  readonly tflite: MadeTflite | undefined;
}

/** The state of the page; which pictures are chosen, and what is looked for in the list of layers, is in these fields. */
export interface State extends OfModel {
  readonly settings: Settings;
  readonly ranking: Ranking;
  /** Whether something is done that the person waits for. */
  readonly isBusy: boolean;
}

/** What is shown of a model that was just opened, or of none. */
export function newlyOpened(opened: OpenedModel | undefined): OfModel {
  return {
    opened,
    isShown: false,
    equalized: undefined,
    previews: [],
    damage: { kind: 'none' },
    layer: opened && layerOfLargestSpread(opened),
    side: 'before',
    comparison: undefined,
    thumbnails: NO_THUMBNAILS,
    verified: undefined,
    taken: new Map(),
    tflite: undefined,
  };
}

/** Shows a state in a section of the page; `before` is what it showed, undefined the first time. */
export type Render = (state: State, before: State | undefined) => void;

const USUAL_RANKING: Ranking = { kind: 'all', by: 'damage-before' };

/** Whether the model was equalized, and is nowhere but on this page. */
export function isUntaken({ equalized, taken }: Pick<State, 'equalized' | 'taken'>): boolean {
  return equalized !== undefined && ![...taken.keys()].some((form) => FORMS_OF_EQUALIZED.has(form));
}

/** The other forms are made of the model as it was opened, or are none. */
const FORMS_OF_EQUALIZED: ReadonlySet<TakenForm> = new Set([
  'as-it-came',
  'keras-v3',
  'keras-h5',
  'tfjs-float',
]);

/** Whether a part of the state is another than before. */
export function hasChanged(
  state: State,
  before: State | undefined,
  ...parts: readonly (keyof State)[]
): boolean {
  return before === undefined || parts.some((part) => state[part] !== before[part]);
}

/** A section of the page, and the state that it shows. */
interface Section {
  readonly render: Render;
  shown: State | undefined;
}

/** Milliseconds of showing in one task; sections that are left then are shown in the next. */
const TASK_MS = 20;

/** Holds the state, and has every change of it shown, section by section, so that none of a large model makes the page wait. */
export class Store {
  #state: State = {
    ...newlyOpened(undefined),
    settings: USUAL_SETTINGS,
    ranking: USUAL_RANKING,
    isBusy: false,
  };
  readonly #sections: readonly Section[];
  #isShowing = false;
  #allShown: Promise<void>;

  constructor(sections: readonly Render[]) {
    this.#sections = sections.map((render) => ({ render, shown: undefined }));
    this.#allShown = this.#show();
  }

  get state(): State {
    return this.#state;
  }

  /** Changes the state. What takes little time to show is shown at once, the rest when the promise resolves. */
  set(change: Partial<State>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    if (!this.#isShowing) this.#allShown = this.#show();
    return this.#allShown;
  }

  async #show(): Promise<void> {
    this.#isShowing = true;
    try {
      let start = performance.now();
      for (let section = this.#stale(); section; section = this.#stale()) {
        if (performance.now() - start > TASK_MS) {
          await drawn();
          start = performance.now();
          // It may have been changed meanwhile.
          continue;
        }
        const { shown } = section;
        section.shown = this.#state;
        section.render(this.#state, shown);
      }
    } finally {
      this.#isShowing = false;
    }
  }

  /** The first section that shows another state than that of now. */
  #stale(): Section | undefined {
    return this.#sections.find(({ shown }) => shown !== this.#state);
  }
}

function layerOfLargestSpread({ map }: OpenedModel): string | undefined {
  return map.reduce<OpenedModel['map'][number] | undefined>(
    (most, one) => ((one.spread ?? -1) > (most?.spread ?? -1) ? one : most),
    undefined,
  )?.layer;
}
