/** The outbox's shelf in the browser's own database; without one (private windows) what waits lives as long as the page. */
import { createStore, del, set, values } from "idb-keyval"
import type { Shelf } from "./outbox"
import type { Entry } from "./writes"

export function openShelf(): Shelf {
  const store = createStore("taskflow-outbox", "entries")
  return {
    all: () => values<Entry>(store).catch(() => []),
    put: (entry) => set(entry.key, structuredClone(entry), store),
    remove: (key) => del(key, store),
  }
}
