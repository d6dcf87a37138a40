/** What a person does to tasks, before the server has said anything: operations, and a task as it looks with them applied; pure. */
import type { Priority, Recurrence, Reminder, Scope, Task } from "@/api/shapes"
import { toInstant, toLocal } from "@/text/zone"

export type Fields = {
  title?: string
  notes?: string
  priority?: Priority
  tags?: string[]
  due_at?: string | null
  due_on?: string | null
  start_at?: string | null
  start_on?: string | null
  /** Whether the clock on the wall follows the person's zone. */
  floating?: boolean | null
  timezone?: string | null
  recurrence?: Partial<Recurrence> | null
  reminders?: Reminder[]
}
export type Field = keyof Fields
export type Action = "complete" | "reopen" | "cancel" | "delete" | "skip"
export type Operation =
  | { op: "create"; id: string; task: Fields }
  | { op: "update"; id: string; changes: Fields; base: Fields; version: number; scope?: Scope }
  | { op: Action; id: string; scope?: Scope }
  | { op: "snooze"; id: string; until: string }

export type Conflict = { field: Field; mine: unknown; theirs: unknown }
export type Entry = {
  /** The Idempotency-Key: the same write is the same request, however often it is sent. */
  key: string
  person: string
  at: number
  /** Not sent before: until then it can be undone as if it had never been. */
  hold: number
  operations: Operation[]
  state: "waiting" | "sending" | "refused" | "conflict"
  attempts: number
  reason?: string
  conflicts?: Conflict[]
  current?: Task
}

/** A task whose times are instants, though they may have been written as wall-clock time. */
function settleTimes(task: Task): Task {
  const settle = (text: string | null | undefined) => (text && !/(Z|[+-]\d\d:\d\d)$/.test(text) ? toInstant(text, task.timezone ?? "UTC").toISOString() : text)
  const [due_at, start_at] = [settle(task.due_at) ?? null, settle(task.start_at)]
  return due_at === task.due_at && start_at === task.start_at ? task : { ...task, due_at, start_at }
}

function blank(id: string, person: string, at: number): Task {
  const now = new Date(at).toISOString()
  return {
    id, title: "", notes: "", status: "open", priority: "none", tags: [], due_at: null, due_on: null,
    timezone: null, recurrence: null, reminders: [], series_id: null, recurrence_id: null, version: 0,
    created_at: now, updated_at: now, completed_at: null, created_by: person,
  }
}

const STATUS: Partial<Record<Operation["op"], Task["status"]>> = {
  complete: "done", reopen: "open", cancel: "cancelled",
}

/** `task` after one operation; null where nothing is left of it. */
export function applyOperation(task: Task | null, one: Operation, entry: Entry): Task | null {
  if (one.op === "create") {
    return settleTimes({ ...(task ?? blank(one.id, entry.person, entry.at)), ...(one.task as Partial<Task>) })
  }
  if (!task || one.op === "delete" || one.op === "skip") return null
  if (one.op === "update") return settleTimes({ ...task, ...(one.changes as Partial<Task>) })
  if (one.op === "snooze") return task
  const status = STATUS[one.op] ?? task.status
  const done = status === "done" ? new Date(entry.at).toISOString() : null
  return { ...task, status, completed_at: done }
}

/** `task` with everything that waits for the server. */
export function applyEntries(task: Task | null, id: string, entries: readonly Entry[]): Task | null {
  let shown = task
  for (const entry of entries) {
    if (entry.state === "refused") continue
    for (const one of entry.operations) if (one.id === id) shown = applyOperation(shown, one, entry)
  }
  return shown
}

/** Fields of `task` as a person would write them: what floats by the clock on the wall, for an instant would fix it. */
export function asWritten(task: Task, fields: Fields): Fields {
  const wall = (instant: string | null | undefined) => (instant && task.floating ? toLocal(instant, task.timezone ?? "UTC") : instant)
  const written: Fields = { ...fields }
  if ("due_at" in fields) written.due_at = wall(fields.due_at)
  if ("start_at" in fields) written.start_at = wall(fields.start_at)
  if ("floating" in fields) written.floating = task.floating ?? null
  return written
}

/** The fields of `task` that `changes` would replace, as they are now. */
export function baseOf(task: Task, changes: Fields): Fields {
  const names = Object.keys(changes) as Field[]
  return Object.fromEntries(names.map((name) => [name, task[name]])) as Fields
}
