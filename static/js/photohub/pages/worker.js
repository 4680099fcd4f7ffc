/* The service worker. The hub puts VERSION and SHELL before this: a new version is a new script.
 *
 * It keeps one page that says the hub cannot be reached, and nothing else: no page, no picture, no answer of the API. Every
 * request goes to the network, so an upgrade is seen at once.
 *
 * Push     {title, body, path, image, tag}: shown; a message that comes twice has the same tag, and takes the other's place
 * Click    opens `path` in a window of the hub that is open, else in a new one
 */
const CACHE = `photohub-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  const old = (name) => name.startsWith("photohub-") && name !== CACHE;
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(old).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const isKept = SHELL.includes(new URL(request.url).pathname);
  // Only where the network fails, and only for whole pages and what the offline page is made of.
  if (request.method !== "GET" || !(request.mode === "navigate" || isKept)) return;
  event.respondWith(
    fetch(request).catch(async () => {
      const cache = await caches.open(CACHE);
      return (await cache.match(isKept ? request : SHELL[0])) ?? Response.error();
    }),
  );
});

self.addEventListener("push", (event) => {
  const said = event.data?.json() ?? {};
  const shown = { body: said.body, tag: said.tag, icon: SHELL[1], badge: SHELL[1], data: { path: said.path } };
  if (said.image) shown.image = said.image;
  event.waitUntil(self.registration.showNotification(said.title ?? "PhotoHub", shown));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const address = new URL(event.notification.data?.path ?? "/", self.location.origin);
  if (address.origin !== self.location.origin) return;
  const open = async () => {
    const windows = await self.clients.matchAll({ type: "window" });
    const free = windows.find((client) => new URL(client.url).pathname === address.pathname);
    return free ? free.focus() : self.clients.openWindow(address.href);
  };
  event.waitUntil(open());
});
