/**
 * Has the guides kept for when there is no connection.
 *
 * @module
 */

if ('serviceWorker' in navigator) {
  addEventListener('load', () => {
    // Without it the guides are there as well, with a connection.
    void navigator.serviceWorker
      .register(new URL('../service-worker.js', import.meta.url))
      .catch(() => undefined);
  });
}
