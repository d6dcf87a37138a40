/** A list as rows on screen: headings between tasks, and the line of now; pure. A plain list's rows are made as they are drawn. */
import type { Task } from "@/api/shapes"
import { type Here, type KeptLocal, type View, dueDate, dueTime, localOnce } from "./spec"
import { toLocal } from "@/text/zone"

export type Row =
  | { kind: "task"; key: string; task: Task }
  | { kind: "heading"; key: string; heading: "overdue" | "allDay" | "day"; date: string; count: number }
  | { kind: "now"; key: "now"; time: string }

export type Rows = {
  length: number
  at: (n: number) => Row
  /** Asked of every row, drawn or not. */
  keyAt: (n: number) => string
  kindAt: (n: number) => Row["kind"]
  /** Where a task stands; -1 where it does not. */
  find: (id: string) => number
}

const asRow = (task: Task): Row => ({ kind: "task", key: task.id, task })

export function rowsOf(tasks: readonly Task[], view: View, at: Here): Rows {
  if (view === "today") return made(today(tasks, at))
  if (view === "upcoming") return made(byDay(tasks, (task) => dueDate(task, at.zone)))
  if (view === "done") return made(byDay(tasks, (task) => doneOn(task, at.zone)))
  return {
    length: tasks.length, at: (n) => asRow(tasks[n]!), keyAt: (n) => tasks[n]!.id, kindAt: () => "task",
    find: (id) => tasks.findIndex((task) => task.id === id),
  }
}

function made(rows: readonly Row[]): Rows {
  return {
    length: rows.length, at: (n) => rows[n]!, keyAt: (n) => rows[n]!.key, kindAt: (n) => rows[n]!.kind,
    find: (id) => rows.findIndex((row) => row.key === id),
  }
}

const ends = new WeakMap<Task, KeptLocal>()
const doneOn = (task: Task, zone: string): string => localOnce(ends, task, task.completed_at ?? task.updated_at, zone).slice(0, 10)

/** What is late from other days, what has all day, and the day's times with now between them. */
function today(tasks: readonly Task[], at: Here): Row[] {
  const late = tasks.filter((task) => (dueDate(task, at.zone) ?? "") < at.today)
  const here = tasks.filter((task) => dueDate(task, at.zone) === at.today)
  const allDay = here.filter((task) => task.due_on)
  const timed = here.filter((task) => task.due_at)
  return [
    ...section("overdue", at.today, late),
    ...(late.length > 0 ? section("day", at.today, here).slice(0, 1) : []),
    ...allDay.map(asRow),
    ...withNow(timed, at),
  ]
}

function section(heading: "overdue" | "day", date: string, tasks: readonly Task[]): Row[] {
  if (tasks.length === 0) return []
  return [{ kind: "heading", key: `${heading} ${date}`, heading, date, count: tasks.length }, ...tasks.map(asRow)]
}

function withNow(timed: readonly Task[], at: Here): Row[] {
  if (timed.length === 0) return []
  const time = toLocal(at.now, at.zone).slice(11, 16)
  const past = timed.filter((task) => (dueTime(task, at.zone) ?? "") <= time)
  const later = timed.slice(past.length)
  return [...past.map(asRow), { kind: "now", key: "now", time }, ...later.map(asRow)]
}

function byDay(tasks: readonly Task[], dayOf: (task: Task) => string | null): Row[] {
  const rows: Row[] = []
  let from = 0
  for (let n = 1; n <= tasks.length; n += 1) {
    const date = dayOf(tasks[from]!) ?? ""
    if (n < tasks.length && dayOf(tasks[n]!) === date) continue
    rows.push(...section("day", date, tasks.slice(from, n)))
    from = n
  }
  return rows
}
