// The page without a network: its files are kept, its data never. VERSION and FILES are written by finish.mjs.
const CACHE = `taskflow-${VERSION}`
const PATIENCE_MS = 4000

self.addEventListener("install", (event) => {
  // The interface is never kept: what is asked of it need not wake this worker.
  event.addRoutes?.({ condition: { urlPattern: new URLPattern({ pathname: "/v1/*" }) }, source: "network" })
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()))
})

self.addEventListener("activate", (event) => {
  const drop = (names) => Promise.all(names.filter((name) => name.startsWith("taskflow-") && name !== CACHE && name !== "taskflow-language").map((name) => caches.delete(name)))
  event.waitUntil(caches.keys().then(drop).then(() => self.clients.claim()))
})

self.addEventListener("fetch", (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== "GET" || url.origin !== location.origin) return
  if (request.mode === "navigate" && !/^\/(v1|api|docs|redoc|metrics|healthz|readyz|openapi)/.test(url.pathname)) event.respondWith(openPage(request, url))
  else if (FILES.includes(url.pathname) && url.pathname !== "/") event.respondWith(caches.match(url.pathname).then((kept) => kept ?? fetch(request)))
})

// The newest page while somebody answers in time, else the one that was kept.
async function openPage(request, url) {
  const kept = await caches.match(url.pathname === "/" ? "/" : url.pathname.replace(/\/$/, ""))
  try {
    return await fetch(request, { signal: kept ? AbortSignal.timeout(PATIENCE_MS) : undefined })
  } catch (error) {
    const page = kept ?? (await caches.match("/"))
    if (page) return page
    throw error
  }
}
