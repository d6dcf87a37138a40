/** A list on screen: what the server answered, with what changed since put in its place; pure, and quick for 100,000 tasks. */
import type { Task } from "@/api/shapes"

export type Asked = {
  ids: readonly string[]
  /** Whether the server has more behind these. */
  more: boolean
}

export type Ground = {
  /** A task as the server has it, and as the person sees it with what waits. */
  find: (id: string) => Task | null
  show: (id: string) => Task | null
  matches: (task: Task) => boolean
  compare: (one: Task, other: Task) => number
}

/**
 * The tasks of a list in order. `touched` names what changed since it was asked; only those are compared and
 * placed anew, the others stand as the server sorted them.
 */
export function arrange(asked: Asked, touched: Iterable<string>, { find, show, matches, compare }: Ground): Task[] {
  const moved = new Set(touched)
  const base: Task[] = []
  for (const id of asked.ids) {
    if (moved.has(id)) continue
    const task = find(id)
    if (task) base.push(task)
  }
  const placed: Task[] = []
  for (const id of moved) {
    const task = show(id)
    if (task && matches(task)) placed.push(task)
  }
  if (placed.length === 0) return base
  return weave(base, placed.sort(compare), compare, asked.more)
}

/** Merges the sorted `placed` into `base`; behind the last loaded row only where nothing more can come. */
function weave(base: Task[], placed: Task[], compare: (one: Task, other: Task) => number, more: boolean): Task[] {
  const woven: Task[] = []
  let at = 0
  for (const task of placed) {
    while (at < base.length && compare(base[at]!, task) <= 0) woven.push(base[at++]!)
    if (at === base.length && more && base.length > 0) break
    woven.push(task)
  }
  while (at < base.length) woven.push(base[at++]!)
  return woven
}
