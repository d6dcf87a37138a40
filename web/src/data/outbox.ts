/** Everything a person wrote that the server has not confirmed: kept over reloads, sent in order per task, merged or shown when somebody else was faster. */
import type { Task } from "@/api/shapes"
import type { Deliver, Delivered } from "./deliver"
import type { KnownTasks } from "./known"
import { type Entry, type Fields, type Operation, applyEntries, baseOf } from "./writes"
import { changesOf, mergeFields } from "./merge"

/** Where entries survive: one record each, so that two tabs never overwrite each other's. */
export type Shelf = {
  all(): Promise<Entry[]>
  put(entry: Entry): Promise<void>
  remove(key: string): Promise<void>
}
export type Told = (news: { kind: "refused"; entry: Entry } | { kind: "conflict"; entry: Entry } | { kind: "failures"; count: number; reason: string }) => void

const AT_ONCE = 4
const LONGEST_PAUSE = 30

export class Outbox {
  entries: readonly Entry[] = []
  /** Whether the server did not answer the last time. */
  stuck = false
  private pauses = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private pausedUntil = 0

  constructor(
    private readonly person: string,
    private readonly known: KnownTasks,
    private readonly shelf: Shelf,
    private readonly deliver: Deliver,
    private readonly told: Told,
    private readonly clock: () => number = Date.now,
    /** When what was just put in may leave: the page first shows it. */
    private readonly soon: (work: () => void) => void = (work) => work(),
  ) {}

  /** Takes up what an earlier page left behind; sent twice it still has one effect. */
  async open(): Promise<void> {
    const left = (await this.shelf.all()).filter((entry) => entry.person === this.person)
    const ours = new Set(this.entries.map((entry) => entry.key))
    const more = left.filter((entry) => !ours.has(entry.key))
    for (const entry of more) if (entry.state === "sending") entry.state = "waiting"
    this.set([...more, ...this.entries].sort((one, other) => one.at - other.at), more)
    this.pump()
  }

  close(): void {
    clearTimeout(this.timer)
    this.pausedUntil = Infinity
  }

  // --- writing -----------------------------------------------------------------------------------

  /** Puts operations in, shown at once; not sent for `hold` ms. Returns the key by which to retract them. */
  add(operations: Operation[], hold = 0): string {
    const now = this.clock()
    const entry: Entry = {
      key: crypto.randomUUID(), person: this.person, at: now, hold: now + hold, operations, state: "waiting", attempts: 0,
    }
    if (this.joinEarlier(entry)) return entry.key
    this.set([...this.entries, entry], [entry])
    this.save(entry)
    this.soon(this.pump)
    return entry.key
  }

  /** Typing makes many updates: one that has not left yet takes up the next. */
  private joinEarlier(entry: Entry): boolean {
    const [one] = entry.operations
    if (entry.operations.length !== 1 || one?.op !== "update") return false
    const last = this.entries.findLast((other) => other.operations.some((op) => op.id === one.id))
    const [earlier] = last?.operations ?? []
    if (!last || last.attempts > 0 || last.state !== "waiting" || last.operations.length > 1) return false
    if (earlier?.op === "create") earlier.task = { ...earlier.task, ...one.changes }
    else if (earlier?.op === "update" && (earlier.scope ?? "this") === (one.scope ?? "this")) {
      earlier.changes = { ...earlier.changes, ...one.changes }
      earlier.base = { ...one.base, ...earlier.base }
    } else return false
    this.set([...this.entries], [last])
    this.save(last)
    return true
  }

  /** Takes an entry back that has not left; whether it could. */
  retract(key: string): boolean {
    const entry = this.entries.find((one) => one.key === key)
    if (!entry || entry.attempts > 0 || entry.state === "sending") return false
    this.drop(entry)
    return true
  }

  /** Throws away what was refused, or gives it another try under a new key. */
  settleRefused(key: string, again: boolean): void {
    const entry = this.entries.find((one) => one.key === key)
    if (!entry) return
    this.drop(entry)
    if (again) this.add(entry.operations)
  }

  /** A person decided a conflict: the fields in `mine` are to win. */
  decide(key: string, mine: readonly string[]): void {
    const entry = this.entries.find((one) => one.key === key)
    const [one] = entry?.operations ?? []
    if (!entry?.current || one?.op !== "update") return
    const won = (entry.conflicts ?? []).filter((conflict) => mine.includes(conflict.field)).map(changesOf)
    const changes: Fields = Object.assign({}, one.changes, ...won)
    this.drop(entry)
    this.known.put([entry.current])
    if (Object.keys(changes).length === 0) return
    this.add([{ ...one, changes, base: baseOf(entry.current, changes), version: entry.current.version }])
  }

  // --- sending -----------------------------------------------------------------------------------

  /** Sends what may be sent now. */
  pump = (): void => {
    clearTimeout(this.timer)
    const now = this.clock()
    if (now < this.pausedUntil) return this.wakeAt(this.pausedUntil)
    let free = AT_ONCE - this.entries.filter((entry) => entry.state === "sending").length
    const busy = new Set<string>()
    let next = Infinity
    for (const entry of [...this.entries]) {
      if (entry.state === "refused") continue
      const ids = entry.operations.map((one) => one.id)
      const ready = entry.state === "waiting" && !ids.some((id) => busy.has(id))
      ids.forEach((id) => busy.add(id))
      if (!ready) continue
      if (entry.hold > now) next = Math.min(next, entry.hold)
      else if (free-- > 0) void this.send(entry)
    }
    if (next < Infinity) this.wakeAt(next)
  }

  private wakeAt(time: number): void {
    if (time < Infinity) this.timer = setTimeout(this.pump, Math.max(10, time - this.clock()))
  }

  /** The network is back, or may be: no more waiting. */
  hurry = (): void => {
    if (this.pausedUntil === Infinity) return
    this.pausedUntil = 0
    this.pump()
  }

  /** The page goes: what was held for undo leaves now. */
  leave = (): void => {
    for (const entry of this.entries) if (entry.state === "waiting") void this.deliver(entry, true).catch(() => {})
  }

  private async send(entry: Entry): Promise<void> {
    entry.state = "sending"
    entry.attempts += 1
    this.stamp(entry)
    const delivered = await this.deliver(entry)
    if (!this.entries.includes(entry)) return
    this.settle(entry, delivered)
    this.pump()
  }

  /** The first time that it leaves, an update names the newest version that it goes with, as a 412 would merge it. */
  private stamp(entry: Entry): void {
    if (entry.attempts > 1) return
    for (const one of entry.operations) {
      const known = one.op === "update" ? this.known.find(one.id) : null
      if (one.op !== "update" || !known || known.version <= one.version) continue
      if (mergeFields(one.base, one.changes, known).conflicts.length === 0) one.version = known.version
    }
    this.save(entry)
  }

  private settle(entry: Entry, delivered: Delivered): void {
    entry.state = "waiting"
    this.note(delivered)
    switch (delivered.kind) {
      case "again":
        return this.set([...this.entries], [entry])
      case "done":
        return this.finish(entry, delivered)
      case "refused":
        Object.assign(entry, { state: "refused", reason: delivered.reason })
        break
      case "resend":
        this.known.put([delivered.current])
        // Another request, so another key.
        this.drop(entry)
        return void this.add(delivered.operations)
      case "conflict":
        this.turnIntoConflict(entry, delivered)
    }
    this.save(entry)
    this.set([...this.entries], [entry])
    this.told({ kind: entry.state as "refused" | "conflict", entry })
  }

  private turnIntoConflict(entry: Entry, { conflicts, rest, current }: Extract<Delivered, { kind: "conflict" }>): void {
    const [one] = entry.operations
    if (one?.op === "update") one.changes = rest
    Object.assign(entry, { state: "conflict", conflicts, current })
    this.known.put([current])
  }

  private finish(entry: Entry, { tasks, gone, failures }: Extract<Delivered, { kind: "done" }>): void {
    this.known.put(tasks)
    this.known.remove(gone)
    this.drop(entry)
    if (failures.length > 0) this.told({ kind: "failures", count: failures.length, reason: failures[0]!.reason })
  }

  /** Waits longer each time that nobody answers. */
  private note(delivered: Delivered): void {
    const away = delivered.kind === "again"
    this.stuck = away
    this.pauses = away ? this.pauses + 1 : 0
    const pause = away ? Math.max(delivered.after, Math.min(2 ** (this.pauses - 1), LONGEST_PAUSE)) : 0
    if (this.pausedUntil !== Infinity) this.pausedUntil = away ? this.clock() + pause * 1000 : 0
  }

  // --- keeping -----------------------------------------------------------------------------------

  private set(entries: readonly Entry[], changed: readonly Entry[]): void {
    this.entries = entries
    this.known.touch(changed.flatMap((entry) => entry.operations.map((one) => one.id)))
  }

  private drop(entry: Entry): void {
    this.set(this.entries.filter((one) => one !== entry), [entry])
    void this.shelf.remove(entry.key).catch(() => {})
  }

  private save(entry: Entry): void {
    void this.shelf.put(entry).catch(() => {})
  }

  // --- looking -----------------------------------------------------------------------------------

  /** A task as the person sees it: the server's with everything that waits. */
  show(id: string): Task | null {
    return applyEntries(this.known.find(id), id, this.entries)
  }

  /** Whether something of this task has not been confirmed. */
  isPending(id: string): boolean {
    return this.entries.some((entry) => entry.state !== "refused" && entry.operations.some((one) => one.id === id))
  }
}
