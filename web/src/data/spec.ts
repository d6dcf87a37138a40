/** What a list shows and in which order: read from the address and written to it, asked of the server, and decided here for what changed since it was asked; pure. */
import type { Priority, Status, Task } from "@/api/shapes"
import { addDays, dateIn, toInstant, toLocal } from "@/text/zone"

export const VIEWS = ["today", "upcoming", "overdue", "done", "all"] as const
export type View = (typeof VIEWS)[number]
export const SORTS = ["due_at", "-priority", "title", "-created_at", "-updated_at", "relevance"] as const

export type Spec = {
  view: View
  status: Status | null
  priority: Priority | null
  tags: string[]
  q: string
  filter: string
  sort: string
}
/** Where and when the person is. */
export type Here = { now: Date; zone: string; today: string }

export function here(zone: string, now: Date): Here {
  return { now, zone, today: dateIn(zone, now) }
}

// --- the address -------------------------------------------------------------------------------

const STATUSES = ["open", "done", "cancelled"]
const PRIORITIES = ["high", "medium", "low", "none"]
const oneOf = <T extends string>(value: string | null, offered: readonly string[]): T | null =>
  value !== null && offered.includes(value) ? (value as T) : null

/** The list that an address names; what it does not understand it leaves out. */
export function readSpec(query: URLSearchParams): Spec {
  return {
    view: oneOf<View>(query.get("view"), VIEWS) ?? "today",
    status: oneOf<Status>(query.get("status"), STATUSES),
    priority: oneOf<Priority>(query.get("priority"), PRIORITIES),
    tags: query.getAll("tag").filter(Boolean),
    q: query.get("q") ?? "",
    filter: query.get("filter") ?? "",
    sort: query.get("sort") ?? "",
  }
}

/** The address of a list, the usual left out. */
export function writeSpec(spec: Spec): URLSearchParams {
  const query = new URLSearchParams()
  if (spec.view !== "today") query.set("view", spec.view)
  for (const name of ["status", "priority", "q", "filter", "sort"] as const) {
    if (spec[name]) query.set(name, spec[name])
  }
  for (const tag of spec.tags) query.append("tag", tag)
  return query
}

/** Whether anything narrows the list beyond its view. */
export function isNarrowed(spec: Spec): boolean {
  return Boolean(spec.status || spec.priority || spec.tags.length || spec.q.trim() || spec.filter.trim())
}

// --- the question ------------------------------------------------------------------------------

const USUAL_SORT: Record<View, string> = {
  today: "due_at", upcoming: "due_at", overdue: "due_at", done: "-updated_at", all: "-created_at",
}

export function sortOf(spec: Spec): string {
  if (spec.sort && (spec.sort !== "relevance" || spec.q.trim())) return spec.sort
  return spec.q.trim() && spec.view === "all" && !spec.filter ? "relevance" : USUAL_SORT[spec.view]
}

// A search is asked with every key, so it brings little more than a screen.
const FOUND_AT_ONCE = "40"
const LISTED_AT_ONCE = "200"

/** The parameters of GET /v1/tasks. All-day tasks stand at midnight in UTC there, so a day more is asked for on each side and `matches` decides. */
export function askFor(spec: Spec, { zone, today, now }: Here): URLSearchParams {
  const query = new URLSearchParams({ sort: sortOf(spec), limit: spec.q.trim() ? FOUND_AT_ONCE : LISTED_AT_ONCE })
  const status = spec.status ?? (spec.view === "done" ? "done" : spec.view === "all" ? null : "open")
  if (status) query.set("status", status)
  if (spec.priority) query.set("priority", spec.priority)
  for (const tag of spec.tags) query.append("tag", tag)
  if (spec.q.trim()) query.set("q", spec.q.trim())
  if (spec.filter.trim()) query.set("filter", spec.filter.trim())
  if (spec.q.trim() || spec.filter.trim()) query.set("highlight", "true")
  const midnight = (days: number) => toInstant(addDays(today, days), zone).toISOString()
  if (spec.view === "today") query.set("due_before", midnight(2))
  if (spec.view === "upcoming") query.set("due_after", midnight(0))
  // By the minute, so that the same list is the same question.
  if (spec.view === "overdue") query.set("due_before", new Date(Math.ceil(now.getTime() / 60_000) * 60_000).toISOString())
  return query
}

// --- the decision ------------------------------------------------------------------------------

/** A task's due time on the clocks of a zone; kept, for a long list asks it of every task at every change. */
const dues = new WeakMap<Task, KeptLocal>()
export type KeptLocal = { zone: string; local: string }

export function localOnce(kept: WeakMap<Task, KeptLocal>, task: Task, instant: string, zone: string): string {
  const known = kept.get(task)
  if (known?.zone === zone) return known.local
  const local = toLocal(instant, zone)
  kept.set(task, { zone, local })
  return local
}

const localDue = (task: Task, zone: string): string => localOnce(dues, task, task.due_at!, zone)

/** The local date of a task's due time. */
export function dueDate(task: Task, zone: string): string | null {
  return task.due_on ?? (task.due_at ? localDue(task, zone).slice(0, 10) : null)
}

/** The local time of day, HH:MM; null for all day. */
export function dueTime(task: Task, zone: string): string | null {
  return task.due_at ? localDue(task, zone).slice(11, 16) : null
}

export function isOverdue(task: Task, { now, today }: Here): boolean {
  if (task.status !== "open") return false
  return task.due_on ? task.due_on < today : task.due_at !== null && Date.parse(task.due_at) < now.getTime()
}

/** Tells whether a task belongs to a list, as far as the page can know: words are looked up as beginnings. */
export function matcher(spec: Spec, at: Here): (task: Task) => boolean {
  const words = wordsOf(spec.q)
  return (task) => inView(task, spec, at) && narrowedTo(task, spec) && containsWords(task, words)
}

/** The same for a task that the server found: what a search or an expression means, stems and all, it knows best. */
export function stillMatches(task: Task, spec: Spec, at: Here): boolean {
  return inView(task, spec, at) && narrowedTo(task, spec)
}

function inView(task: Task, { view, status }: Spec, at: Here): boolean {
  if (view === "all") return status === null || task.status === status
  if (view === "done") return task.status === (status ?? "done")
  if (task.status !== (status ?? "open")) return false
  if (view === "overdue") return isOverdue(task, at)
  const date = dueDate(task, at.zone)
  if (date === null) return false
  return view === "today" ? date <= at.today : date > at.today
}

function narrowedTo(task: Task, { priority, tags }: Spec): boolean {
  if (priority && task.priority !== priority) return false
  if (tags.length === 0) return true
  const keys = task.tags.map((tag) => tag.toLowerCase())
  return tags.every((tag) => keys.includes(tag.toLowerCase()))
}

// --- words -------------------------------------------------------------------------------------

const ASCII = /^[\x00-\x7f]*$/

/** Lower case without accents. */
export function fold(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase()
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase()
}

export function wordsOf(q: string): string[] {
  return fold(q).match(/[\p{L}\p{N}]+/gu) ?? []
}

/** A task's words with a space before each; made once per version, for every key of a search reads all of them. */
const texts = new WeakMap<Task, string>()

function textOf(task: Task): string {
  let text = texts.get(task)
  if (text === undefined) texts.set(task, (text = ` ${wordsOf(`${task.title} ${task.tags.join(" ")} ${task.notes}`).join(" ")}`))
  return text
}

// These are written without spaces between words, so each letter may begin one.
export const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}]/u

function containsWords(task: Task, words: readonly string[]): boolean {
  if (words.length === 0) return true
  const text = textOf(task)
  return words.every((word) => text.includes(UNSPACED.test(word) ? word : ` ${word}`))
}

// --- the order ---------------------------------------------------------------------------------

const RANK: Record<Priority, number> = { high: 3, medium: 2, low: 1, none: 0 }
type Key = string | number | null

function keyOf(task: Task, name: string): Key {
  if (name === "due_at") return task.due_on ? Date.parse(`${task.due_on}T00:00Z`) : task.due_at ? Date.parse(task.due_at) : null
  if (name === "priority") return RANK[task.priority]
  if (name === "title") return task.title.toLowerCase()
  if (name === "updated_at") return Date.parse(task.updated_at)
  return Date.parse(task.created_at)
}

/** Dates are read once for each version of a task. */
const keysOf = new WeakMap<Task, Partial<Record<string, Key>>>()

function keptKey(task: Task, name: string): Key {
  let keys = keysOf.get(task)
  if (!keys) keysOf.set(task, (keys = {}))
  return (keys[name] ??= keyOf(task, name))
}

export type Compare = (one: Task, other: Task) => number

/** The order of a list, as the server sorts; null where it ranks, which it alone can. */
export function orderOf(sort: string): Compare | null {
  return sort.includes("relevance") ? null : compareBy(sort)
}

/** How two tasks stand to each other in an order, nulls last. */
export function compareBy(sort: string): Compare {
  const keys = sort.split(",").map((part) => part.trim()).filter(Boolean)
  return (one, other) => {
    for (const key of keys) {
      const order = compareKey(key, one, other)
      if (order !== 0) return order
    }
    const last = keys.at(-1)?.startsWith("-") ? -1 : 1
    return one.id < other.id ? -last : one.id > other.id ? last : 0
  }
}

function compareKey(key: string, one: Task, other: Task): number {
  const name = key.replace(/^-/, "")
  const [a, b] = [keptKey(one, name), keptKey(other, name)]
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return (a < b ? -1 : 1) * (key.startsWith("-") ? -1 : 1)
}
