/**
 * Keeps the page, or the guides, for when there is no connection: its own files on the first visit, the large ones beside it once they were
 * used. A new version is taken when no tab has the old one open any more, so that a tab never mixes both.
 *
 * @module
 */

/**
 * Put in by the build: a name that changes with any file of the page, the files that are kept from the first visit on, and folders
 * with a worker of their own.
 */
declare const KEPT: {
  readonly version: string;
  readonly files: readonly string[];
  readonly apart: readonly string[];
};

/** What the global object of a service worker has, as far as it is used here. */
interface ServiceWorkerScope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: 'install' | 'activate', listener: (event: LastingEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchedEvent) => void): void;
}

interface LastingEvent {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchedEvent {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const scope = globalThis as unknown as ServiceWorkerScope;
const folder = scope.registration.scope;
const { version, files, apart } = KEPT;
/** Other pages of the same host have caches too. */
const prefix = `crosslayer ${folder} `;
const name = prefix + version;

scope.addEventListener('install', (event) => {
  event.waitUntil(
    caches.open(name).then((cache) =>
      // Past the browser's own cache, which may have files of the version before.
      cache.addAll(files.map((file) => new Request(new URL(file, folder), { cache: 'reload' }))),
    ),
  );
});

scope.addEventListener('activate', (event) => {
  const forget = caches.keys().then((names) => {
    const old = names.filter((one) => one.startsWith(prefix) && one !== name);
    return Promise.all(old.map((one) => caches.delete(one)));
  });
  event.waitUntil(forget.then(() => scope.clients.claim()));
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || !request.url.startsWith(folder)) return;
  if (!apart.some((one) => request.url.startsWith(folder + one))) event.respondWith(answer(request));
});

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(name);
  const address = request.url === folder ? new URL('index.html', folder) : request;
  const kept = await cache.match(address, { ignoreSearch: true });
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok && response.type === 'basic') await cache.put(request, response.clone());
  return response;
}
