/* The installed build, served without network. Requests to a homeserver never pass through here. */
const build = __BUILD__;
const files = __FILES__;
const cacheName = `nyx-${build}`;

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(files.map((file) => new Request(file, { cache: 'no-cache' })))),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names
            .filter((name) => name.startsWith('nyx-') && name !== cacheName)
            .map((name) => caches.delete(name)),
        ),
      )
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('message', (event) => {
  if (event.data === 'activate') self.skipWaiting();
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  const scope = new URL(self.registration.scope);
  const ours =
    url.origin === scope.origin && url.pathname.startsWith(scope.pathname) && !url.pathname.startsWith('/_');
  if (event.request.method !== 'GET' || !ours) return;
  event.respondWith(
    caches.open(cacheName).then(async (cache) => {
      const page = event.request.mode === 'navigate';
      const hit = await cache.match(page ? './' : event.request, { ignoreSearch: page });
      return hit ?? fetch(event.request);
    }),
  );
});
