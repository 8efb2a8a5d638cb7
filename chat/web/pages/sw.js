// The server writes a first line into this file: const SHELL = {version, files}, all that this version is made of. So a new
// version is another service worker: it fetches its own files, and takes over once no page of the older one is open.

const CACHE = `shell ${SHELL.version}`;
const PATIENCE = 3000;  // ms with a bad line, before the page that is kept is shown

self.addEventListener('install', (event) => {
  // The page itself is asked of the server, not of the browser's cache: it must be of the same version as its files.
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL.files.map(
    (file) => new Request(file, { cache: file === '/' ? 'reload' : 'default' })))));
});

self.addEventListener('activate', (event) => {
  event.waitUntil((async () => {
    const old = (await caches.keys()).filter((name) => name.startsWith('shell ') && name !== CACHE);
    await Promise.all(old.map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

self.addEventListener('fetch', (event) => {
  const { origin, pathname } = new URL(event.request.url);
  if (event.request.method !== 'GET' || origin !== self.location.origin) return;
  if (pathname.startsWith('/web/')) event.respondWith(kept(event.request));
  else if (pathname === '/' && event.request.mode === 'navigate') event.respondWith(page(event.request));
});

/** A file whose address stands for its content. */
async function kept(request) { return await caches.match(request) ?? fetch(request); }

/** The newest page there is: that of the server, or, without a good line, the one that is kept with its files. */
async function page(request) {
  const patience = new Promise((resolve) => { setTimeout(resolve, PATIENCE); });
  const answer = await Promise.race([fetch(request).catch(() => null), patience]);
  return answer?.ok ? answer : await caches.match('/') ?? answer ?? fetch(request);
}

// -------------------------------------------------------------------- notifications

self.addEventListener('push', (event) => event.waitUntil(notify(event.data?.json() ?? {})));

async function notify({ roomId, title, body, unreadCount }) {
  if (unreadCount !== undefined) navigator.setAppBadge?.(unreadCount).catch(() => {});
  const { icon, badge, text } = await appearance();
  await self.registration.showNotification(title || text.title, {
    body: body || text.body, icon, badge, data: { roomId }, tag: `room ${roomId}`, renotify: true, timestamp: Date.now(),
  });
}

async function appearance() {
  const file = (name) => SHELL.files.find((path) => path.endsWith(name));
  const language = navigator.language.startsWith('de') ? 'de' : 'en';
  const texts = await (await kept(file(`texts/${language}.json`))).json();
  return { icon: file('icons/icon-192.png'), badge: file('icons/badge.png'), text: { title: texts['push.title'], body: texts['push.body'] } };
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(`#/rooms/${event.notification.data.roomId}`));
});

/** Shows a route in the page that is there (js/push.js listens), else in a new one. */
async function open(route) {
  const [client] = await self.clients.matchAll({ type: 'window' });
  if (!client) return self.clients.openWindow(`/${route}`);
  client.postMessage({ route });
  return client.focus().catch(() => {});
}
