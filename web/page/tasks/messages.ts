/**
 * What the page says aside from its content: progress with a way to cancel, errors, and news for screen readers.
 *
 * @module
 */

import { button, byId, element, setText } from '../dom.ts';

/** Screen readers get news of progress no oftener than this, in milliseconds. */
const BETWEEN_NEWS = 4000;

/** The bar at the foot of the page. */
export class Messages {
  readonly #alert = byId('alert', HTMLElement);
  readonly #progress = byId('progress', HTMLElement);
  readonly #text = byId('progress-text', HTMLElement);
  readonly #bar = byId('progress-bar', HTMLProgressElement);
  readonly #cancel = byId('cancel', HTMLButtonElement);
  readonly #announcement = byId('announcement', HTMLElement);
  #lastNews = 0;
  /** What had the focus when the work began. */
  #begunAt: Element | null = null;

  /** @param cancel what the button does */
  constructor(cancel: () => void) {
    this.#cancel.addEventListener('click', cancel);
    this.#progress.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') cancel();
    });
  }

  /** Shows how far something is; without a share the bar only says that something goes on. */
  showProgress(text: string, share: number | null): void {
    if (this.#progress.hidden) this.#begunAt = document.activeElement;
    this.#progress.hidden = false;
    setText(this.#text, text);
    if (share === null) this.#bar.removeAttribute('value');
    else this.#bar.value = share;
    const now = performance.now();
    if (now - this.#lastNews > BETWEEN_NEWS) {
      this.announce(text);
      this.#lastNews = now;
    }
  }

  /** Nothing goes on any more. */
  hideProgress(): void {
    // Otherwise the focus would fall back to the start of the page.
    if (this.#progress.contains(document.activeElement)) this.#giveFocusBack();
    this.#progress.hidden = true;
    this.#lastNews = 0;
  }

  #giveFocusBack(): void {
    const begunAt = this.#begunAt;
    if (begunAt instanceof HTMLElement && begunAt !== document.body && begunAt.isConnected) begunAt.focus();
    else byId('content', HTMLElement).focus({ preventScroll: true });
  }

  /** Shows what went wrong, until it is closed or something else is begun. */
  showError(title: string, message: string): void {
    const close = button('Close', () => {
      this.clearError();
      byId('content', HTMLElement).focus({ preventScroll: true });
    });
    const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
    const text = element('p', {}, element('strong', {}, title), ` ${sentence}`);
    this.#alert.replaceChildren(element('div', { class: 'error' }, text, close));
  }

  clearError(): void {
    this.#alert.replaceChildren();
  }

  /** Tells screen readers. */
  announce(text: string): void {
    setText(this.#announcement, text);
  }
}
