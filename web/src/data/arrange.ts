/** A list on screen: what the server answered, with what changed since put in its place; pure. A change costs what it touches, not what the list holds. */
import type { Task } from "@/api/shapes"
import type { Compare } from "./spec"

/** What the server answered, and where each task stands in it; made once for an answer. */
export class Given {
  private places: Map<string, number> | undefined

  constructor(
    readonly tasks: readonly Task[],
    /** Whether the server has more behind these. */
    readonly more: boolean,
  ) {}

  placeOf(id: string): number | undefined {
    this.places ??= new Map(this.tasks.map((task, n) => [task.id, n]))
    return this.places.get(id)
  }
}

export type Ground = {
  /** A task as the person sees it, with what waits. */
  show: (id: string) => Task | null
  matches: (task: Task) => boolean
  /** null where the server alone knows the order: then what is there stays, and what is new comes first. */
  compare: Compare | null
}

/** The tasks of a list in order. `touched` names what changed since it was asked; only those are compared and placed anew. */
export function arrange(given: Given, touched: Iterable<string>, { show, matches, compare }: Ground): readonly Task[] {
  const moved = new Set(touched)
  if (moved.size === 0) return given.tasks
  const tasks = given.tasks.slice()
  const gone: number[] = []
  const placed: Task[] = []
  for (const id of moved) {
    const at = given.placeOf(id)
    const shown = show(id)
    const task = shown && matches(shown) ? shown : null
    if (task && at !== undefined && stays(given.tasks, at, task, moved, compare)) tasks[at] = task
    else {
      if (at !== undefined) gone.push(at)
      if (task) placed.push(task)
    }
  }
  const kept = without(tasks, gone)
  if (placed.length === 0) return kept
  return compare ? weave(kept, placed.sort(compare), compare, given.more) : [...placed.reverse(), ...kept]
}

/** Whether a changed task is where it was: by the same keys, or still in order between neighbours that did not change. */
function stays(tasks: readonly Task[], at: number, task: Task, moved: ReadonlySet<string>, compare: Compare | null): boolean {
  if (!compare || compare(tasks[at]!, task) === 0) return true
  const [before, after] = [tasks[at - 1], tasks[at + 1]]
  if ((before && moved.has(before.id)) || (after && moved.has(after.id))) return false
  return (!before || compare(before, task) <= 0) && (!after || compare(task, after) <= 0)
}

function without(tasks: Task[], gone: number[]): Task[] {
  if (gone.length === 0) return tasks
  const pieces: Task[][] = []
  let from = 0
  for (const at of gone.sort((one, other) => one - other)) {
    pieces.push(tasks.slice(from, at))
    from = at + 1
  }
  return [...pieces, tasks.slice(from)].flat()
}

/** Merges the sorted `placed` into `base`; behind the last loaded row only where nothing more can come. */
function weave(base: Task[], placed: Task[], compare: Compare, more: boolean): Task[] {
  const pieces: Task[][] = []
  let from = 0
  for (const task of placed) {
    const at = firstBehind(base, task, compare, from)
    if (at === base.length && more && base.length > 0) break
    pieces.push(base.slice(from, at), [task])
    from = at
  }
  return [...pieces, base.slice(from)].flat()
}

/** The first place from `from` on whose task stands behind `task`. */
function firstBehind(base: readonly Task[], task: Task, compare: Compare, from: number): number {
  let [low, high] = [from, base.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(base[middle]!, task) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

/** The first `most` of `tasks` in order, without sorting all of them. */
export function firstOf(tasks: Iterable<Task>, most: number, compare: Compare): Task[] {
  const first: Task[] = []
  for (const task of tasks) {
    if (first.length === most && compare(first[most - 1]!, task) <= 0) continue
    first.splice(firstBehind(first, task, compare, 0), 0, task)
    if (first.length > most) first.pop()
  }
  return first
}
