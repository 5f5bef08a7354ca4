/// <reference types="vite/client" />
/**
 * The page: what is done when a person does something.
 *
 * @module
 */

import { createEngine } from '../worker-client.ts';
import { Page } from './page.ts';

new Page(createEngine());

// Not in development. Once the page is there, so that what is kept for later does not slow it.
if (!import.meta.hot && 'serviceWorker' in navigator) {
  addEventListener('load', () => {
    // Without it the page works as well, with a connection.
    void navigator.serviceWorker.register('service-worker.js').catch(() => undefined);
  });
}
