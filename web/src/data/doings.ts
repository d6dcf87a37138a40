/** What a person can do to tasks, each with its way back; every button and key calls these. */
import { useMemo } from "react"
import type { Scope, Task } from "@/api/shapes"
import { type Desk, useDesk } from "./desk"
import { useWords } from "./language"
import { UNDO_MS, useNotices } from "./notices"
import { type Action, type Fields, type Operation, asWritten, baseOf } from "./writes"
import type { Words } from "@/words/en"
import { uuid7 } from "./uuid"

// Longer than the notice, so that its undo always comes in time.
const HOLD = UNDO_MS + 500
const SNOOZE_MS = 3_600_000
// The most that a batch takes.
const PIECE = 1000

export type Doings = {
  create: (task: Fields) => string
  change: (task: Task, changes: Fields, more?: { scope?: Scope; said?: string }) => void
  toggle: (task: Task) => void
  remove: (tasks: Task[], scope?: Scope) => void
  act: (tasks: Task[], action: Action) => void
  snooze: (task: Task) => void
  changeAll: (tasks: Task[], changesOf: (task: Task) => Fields) => void
}

export function useDoings(): Doings {
  const desk = useDesk()
  const notices = useNotices()
  const t = useWords()
  const { outbox, user } = desk
  return useMemo(() => makeDoings({ outbox, user }, notices, t), [outbox, user, notices, t])
}

const updateOf = (task: Task, changes: Fields, scope?: Scope): Operation => ({
  op: "update", id: task.id, changes, base: baseOf(task, changes), version: task.version, scope,
})

/** The update that makes `changes` undone. */
const backOf = (task: Task, changes: Fields, scope?: Scope): Operation =>
  updateOf({ ...task, ...(changes as Partial<Task>) }, asWritten(task, baseOf(task, changes)), scope)

function makeDoings({ outbox, user }: Pick<Desk, "outbox" | "user">, { tell, remember }: ReturnType<typeof useNotices>, t: Words): Doings {
  /** Adds operations in pieces that a batch takes; undone by retracting what has not left, else by the opposite. */
  const add = (operations: Operation[], opposite: Operation[], hold = 0) => {
    const pieces = cut(operations).map((piece, n) => ({ key: outbox.add(piece, hold), back: cut(opposite)[n] ?? [] }))
    return () => pieces.forEach(({ key, back }) => outbox.retract(key) || (back.length > 0 && outbox.add(back)))
  }
  const act = (tasks: Task[], action: Action) => {
    if (tasks.length === 0) return
    const opposite = tasks.map((one): Operation => ({ op: one.status === "open" ? "reopen" : "complete", id: one.id }))
    const undo = add(tasks.map((one) => ({ op: action, id: one.id })), action === "skip" ? [] : opposite, action === "skip" ? HOLD : 0)
    tell({ text: sayDone(action, tasks.length, t), undo })
  }
  return {
    create: (task) => {
      const id = uuid7()
      // A time of day is the one on the person's clock wherever they are, unless they chose a zone.
      const clock: Fields = task.due_at && !task.timezone ? { floating: true, timezone: user.timezone } : {}
      outbox.add([{ op: "create", id, task: { ...clock, ...task } }])
      return id
    },
    change: (task, changes, { scope, said } = {}) => {
      const undo = add([updateOf(task, changes, scope)], [backOf(task, changes, scope)])
      if (said) tell({ text: said, undo })
      else remember(undo)
    },
    toggle: (task) => act([task], task.status === "open" ? "complete" : "reopen"),
    remove: (tasks, scope) => {
      if (tasks.length === 0) return
      const undo = add(tasks.map((one) => ({ op: "delete", id: one.id, scope })), [], HOLD)
      tell({ text: sayDone("delete", tasks.length, t), undo })
    },
    act,
    snooze: ({ id }) => {
      outbox.add([{ op: "snooze", id, until: new Date(Date.now() + SNOOZE_MS).toISOString() }])
      tell({ text: t.done.snoozed })
    },
    changeAll: (tasks, changesOf) => {
      if (tasks.length === 0) return
      const undo = add(tasks.map((one) => updateOf(one, changesOf(one))), tasks.map((one) => backOf(one, changesOf(one))))
      tell({ text: t.done.changedN(tasks.length), undo })
    },
  }
}

function cut(operations: Operation[]): Operation[][] {
  return Array.from({ length: Math.ceil(operations.length / PIECE) }, (_, n) => operations.slice(n * PIECE, (n + 1) * PIECE))
}

function sayDone(action: Action, n: number, { done }: Words): string {
  if (action === "complete") return n === 1 ? done.completed : done.completedN(n)
  if (action === "delete") return n === 1 ? done.deleted : done.deletedN(n)
  if (action === "skip") return done.skipped
  return action === "cancel" ? done.cancelled : done.reopened
}
