/** The first page of each list as it was last seen, so that the page opens without a network; forgotten at log-out. */
import { clear, createStore, get, set } from "idb-keyval"
import { Unreachable } from "@/api/client"
import type { Page, Task } from "@/api/shapes"

const open = () => createStore("taskflow-lists", "pages")
let recalled = false

export const wasRecalled = () => recalled
export const forgetRecall = () => void (recalled = false)

/** What `ask` answers, kept; what was kept, where nobody answers. */
export async function keepOrRecall(name: string, ask: () => Promise<Page<Task>>): Promise<Page<Task>> {
  try {
    const page = await ask()
    void set(name, page, open()).catch(() => {})
    return page
  } catch (error) {
    const kept = error instanceof Unreachable ? await get<Page<Task>>(name, open()).catch(() => undefined) : undefined
    if (!kept) throw error
    recalled = true
    return { items: kept.items, next_cursor: null }
  }
}

export async function forgetKept(): Promise<void> {
  await clear(open()).catch(() => {})
}
