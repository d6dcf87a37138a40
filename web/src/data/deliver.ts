/** Takes one entry of the outbox to the server and says what became of it; the only place that knows which request an operation is. */
import { type Answer, type Ask, Refusal, Unreachable, ask } from "@/api/client"
import type { Task } from "@/api/shapes"
import { mergeFields } from "./merge"
import type { Conflict, Entry, Fields, Operation } from "./writes"

export type Failure = { id: string; reason: string }
export type Delivered =
  | { kind: "done"; tasks: Task[]; gone: string[]; failures: Failure[] }
  | { kind: "again"; after: number }
  | { kind: "refused"; reason: string; code: string }
  | { kind: "resend"; operations: Operation[]; current: Task }
  | { kind: "conflict"; conflicts: Conflict[]; rest: Fields; current: Task }
export type Deliver = (entry: Entry, leaving?: boolean) => Promise<Delivered>

const done = (tasks: Task[], gone: string[] = [], failures: Failure[] = []): Delivered => ({ kind: "done", tasks, gone, failures })

export const deliver: Deliver = async (entry, leaving = false) => {
  const [one] = entry.operations as [Operation]
  try {
    const given = { key: entry.key, wait: 20, keepalive: leaving }
    if (entry.operations.length > 1) return readBatch(entry, await ask<Batch>("POST", "/v1/tasks/batch", { ...given, body: asBatch(entry) }))
    return readOne(one, await send(one, given))
  } catch (error) {
    return readError(one, error)
  }
}

function send(one: Operation, given: Ask): Promise<Answer<Task>> {
  const path = `/v1/tasks/${one.id}`
  const scope = "scope" in one && one.scope && one.scope !== "this" ? `?scope=${one.scope}` : ""
  switch (one.op) {
    case "create":
      return ask("POST", "/v1/tasks", { ...given, body: { id: one.id, ...asSent(one.task) } })
    case "update":
      return ask("PATCH", path + scope, { ...given, body: asSent(one.changes), version: one.version || undefined })
    case "delete":
      return ask("DELETE", path + scope, given)
    case "snooze":
      return ask("POST", `${path}/snooze`, { ...given, body: { until: one.until } })
    default:
      return ask("POST", `${path}/${one.op}`, given)
  }
}

/** What floats goes without a zone: the person may be in another one by the time it is sent. */
export function asSent({ timezone, ...fields }: Fields): Fields {
  return timezone === undefined || fields.floating ? fields : { ...fields, timezone }
}

function readOne(one: Operation, answer: Answer<Task>): Delivered {
  // Taken, but not decided yet: the same request, asked again, answers with the outcome.
  if (answer.status === 202) return { kind: "again", after: 1 }
  if (one.op === "delete") return done([], [one.id])
  return done([answer.body])
}

function readError(one: Operation, error: unknown): Delivered {
  if (error instanceof Unreachable) return { kind: "again", after: error.retryAfter }
  if (!(error instanceof Refusal)) return { kind: "again", after: 5 }
  if (error.status === 401) return { kind: "again", after: 30 }
  if (error.code === "version_conflict" && one.op === "update") return merge(one, error.problem.current as Task)
  // It is gone already, as was wished.
  if (error.status === 404 && one.op === "delete") return done([], [one.id])
  return { kind: "refused", reason: error.detail, code: error.code }
}

function merge(one: Extract<Operation, { op: "update" }>, current: Task): Delivered {
  const { changes, conflicts } = mergeFields(one.base, one.changes, current)
  if (conflicts.length > 0) return { kind: "conflict", conflicts, rest: changes, current }
  if (Object.keys(changes).length === 0) return done([current])
  return { kind: "resend", operations: [{ ...one, changes, version: current.version }], current }
}

// --- batches -----------------------------------------------------------------------------------

type Batch = { results: { status: number; task?: Task; problem?: { detail: string } }[] }

function asBatch(entry: Entry): unknown {
  const lines = entry.operations.map((one) => {
    if (one.op === "create") return { op: "create", task: { id: one.id, ...asSent(one.task) } }
    if (one.op === "update") return { op: "update", id: one.id, task: asSent(one.changes) }
    return { op: one.op, id: one.id }
  })
  return { operations: lines }
}

function readBatch(entry: Entry, answer: Answer<Batch>): Delivered {
  if (answer.status === 202) return { kind: "again", after: 1 }
  const tasks: Task[] = []
  const gone: string[] = []
  const failures: Failure[] = []
  answer.body.results.forEach((line, n) => {
    const one = entry.operations[n]!
    if (line.task) tasks.push(line.task)
    else if (line.status === 204 || (line.status === 404 && one.op === "delete")) gone.push(one.id)
    else if (line.status >= 400) failures.push({ id: one.id, reason: line.problem?.detail ?? String(line.status) })
  })
  return done(tasks, gone, failures)
}
