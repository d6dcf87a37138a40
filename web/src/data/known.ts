/** The tasks that this tab knows, each in the newest version it was told of, and what changed when: the ground on which lists are arranged. */
import type { Change, Task } from "@/api/shapes"

export class KnownTasks {
  private readonly tasks = new Map<string, Task>()
  /** The version of each deletion; one of a task that was not known is behind all that is told but by the stream. */
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
    return task.version > (this.gone.get(task.id) ?? 0) && (!known || known.version <= task.version)
  }

  /** What a write or the live stream told; both tell of the same change, which is news once. */
  put(tasks: readonly Task[]): void {
    const news = tasks.filter((task) => this.hear(task))
    if (news.length > 0) this.touch(news.map((task) => task.id))
  }

  private hear(task: Task): boolean {
    if (!this.isNewer(task) || this.told.get(task.id) === task.version) return false
    this.keep(task)
    this.told.set(task.id, task.version)
    return true
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.drop(id)
    if (ids.length > 0) this.touch(ids)
  }

  private drop(id: string): void {
    const known = this.tasks.get(id)
    this.gone.set(id, known ? known.version + 1 : (this.gone.get(id) ?? Infinity))
    this.tasks.delete(id)
  }

  /** The stream tells in order: a task of which it tells after its deletion has come back. */
  follow(items: readonly Change[]): void {
    const news = items.filter((item) => (item.task ? this.hearBack(item.task) : (this.drop(item.task_id), true)))
    if (news.length > 0) this.touch(news.map((item) => item.task_id))
  }

  private hearBack(task: Task): boolean {
    if (this.gone.get(task.id) === Infinity) this.gone.delete(task.id)
    return this.hear(task)
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
