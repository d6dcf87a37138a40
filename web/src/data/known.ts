/** The tasks that this tab knows, each in the newest version it was told of, and what changed when: the ground on which lists are arranged. */
import type { Change, Task } from "@/api/shapes"

export class KnownTasks {
  private readonly tasks = new Map<string, Task>()
  private readonly gone = new Map<string, number>()
  private readonly changed = new Map<string, number>()
  private readonly told = new Map<string, number>()
  private readonly listeners = new Set<() => void>()
  /** Moves with every change; what a list was asked at tells what was touched since. */
  clock = 0

  find(id: string): Task | null {
    return this.tasks.get(id) ?? null
  }

  all(): Task[] {
    return [...this.tasks.values()]
  }

  /** What a list or a single read told; nobody's order changes by it. */
  learn(tasks: readonly Task[]): void {
    for (const task of tasks) if (this.isNewer(task)) this.keep(task)
  }

  /** The same version stays the same object: a row that shows it is not drawn again. */
  private keep(task: Task): void {
    if (this.tasks.get(task.id)?.version !== task.version) this.tasks.set(task.id, task)
  }

  private isNewer(task: Task): boolean {
    const known = this.tasks.get(task.id)
    return !this.gone.has(task.id) && (!known || known.version <= task.version)
  }

  /** What a write or the live stream told; both tell of the same change, which is news once. */
  put(tasks: readonly Task[]): void {
    const newer = tasks.filter((task) => this.isNewer(task) && this.told.get(task.id) !== task.version)
    for (const task of newer) {
      this.keep(task)
      this.told.set(task.id, task.version)
    }
    if (newer.length > 0) this.touch(newer.map((task) => task.id))
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) {
      this.gone.set(id, ++this.clock)
      this.tasks.delete(id)
    }
    if (ids.length > 0) this.touch(ids)
  }

  follow(items: readonly Change[]): void {
    this.remove(items.filter((item) => !item.task).map((item) => item.task_id))
    this.put(items.flatMap((item) => (item.task ? [item.task] : [])))
  }

  /** Says that something about these tasks is different on screen. */
  touch(ids: readonly string[]): void {
    this.clock += 1
    for (const id of ids) this.changed.set(id, this.clock)
    for (const listener of this.listeners) listener()
  }

  /** What was touched after `clock`. */
  *touchedSince(clock: number): Generator<string> {
    for (const [id, at] of this.changed) if (at > clock) yield id
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }
}
