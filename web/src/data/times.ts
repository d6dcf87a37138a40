/** The changes that move when a task is due and when it starts; both at times or both on days, the start never later. Pure. */
import type { Task } from "@/api/shapes"
import { addDays, daysBetween, toLocal } from "@/text/zone"
import { dueDate, dueTime } from "./spec"
import type { Fields } from "./writes"

type When = { date: string; time: string | null }

/** The local date and time of a task's start. */
function startOf(task: Task, zone: string): When | null {
  const start = { ...task, due_at: task.start_at ?? null, due_on: task.start_on ?? null }
  const date = dueDate(start, zone)
  return date ? { date, time: dueTime(start, zone) } : null
}

/** Whether a time of day was given to the task, and a zone to it that is not the person's wherever they are. */
const isFixed = (task: Task): boolean => Boolean(task.due_at || task.start_at) && !task.floating

/** A time is on the person's clock, wherever they are, unless the task was given a zone on purpose. */
const zoneOf = (task: Task, zone: string): Fields => (isFixed(task) ? { timezone: task.timezone ?? zone } : { floating: true, timezone: zone })

/** The change that makes a task due on `date`, at `time` or all day. A task keeps its own zone, and its start as far as it can. */
export function dueChange(task: Task, date: string, time: string | null, zone: string): Fields {
  const due: Fields = time ? { due_at: `${date}T${time}`, due_on: null, ...zoneOf(task, zone) } : { due_on: date, due_at: null, timezone: null, floating: null }
  const own = task.timezone ?? zone
  const start = startOf(task, own)
  return start ? { ...due, ...startBefore(start, { date, time }, dueDate(task, own)) } : due
}

/** A start that goes with a due time: of its kind; and where it would be later, as long before as it was. */
function startBefore(start: When, due: When, before: string | null): Fields {
  const time = due.time ? (start.time ?? due.time) : null
  const isLate = `${start.date}T${time ?? ""}` > `${due.date}T${due.time ?? ""}`
  const date = isLate ? addDays(due.date, Math.min(0, before ? daysBetween(before, start.date) : 0)) : start.date
  if (!time) return { start_on: date, start_at: null }
  return { start_at: `${date}T${date === due.date && time > due.time! ? due.time : time}`, start_on: null }
}

/** The change that lets a task start on `date`: at a time where it is due at one, on the day where it is due on one. */
export function startChange(task: Task, date: string, time: string | null, zone: string): Fields {
  const clock = task.due_on ? null : task.due_at ? (time ?? dueTime(task, task.timezone ?? zone)) : time
  return clock ? { start_at: `${date}T${clock}`, start_on: null, ...zoneOf(task, zone) } : { start_on: date, start_at: null }
}

/** The change that puts a task on the person's clock, `zone`, wherever they are: at the same instants. */
export function floatChange(task: Task, zone: string): Fields {
  return { ...wallOf(task, zone), floating: true, timezone: zone }
}

/** The change that fixes a task to the clocks of `zone`, which show what its own showed. */
export function fixChange(task: Task, zone: string): Fields {
  return { ...wallOf(task, task.timezone ?? zone), floating: null, timezone: zone }
}

/** With the times themselves, so that the way back knows them. */
function wallOf(task: Task, zone: string): Fields {
  const wall = (instant: string) => toLocal(instant, zone).slice(0, 16)
  return { ...(task.due_at ? { due_at: wall(task.due_at) } : {}), ...(task.start_at ? { start_at: wall(task.start_at) } : {}) }
}
