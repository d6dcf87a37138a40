/** Two people, or one on two devices, changed a task: what can stand side by side, and what a person must decide; pure. */
import type { Task } from "@/api/shapes"
import { toInstant } from "@/text/zone"
import type { Conflict, Field, Fields } from "./writes"

export type Merged = { changes: Fields; conflicts: Conflict[] }

// One decision of a person: when it is due.
const DUE: Field[] = ["due_at", "due_on", "timezone", "floating"]
const START: Field[] = ["start_at", "start_on"]

/**
 * What is left to send of `changes`, made on `base`, now that the task is `current`.
 * A field that only one side changed merges; one that both made equal needs nothing; else it is a conflict.
 */
export function mergeFields(base: Fields, changes: Fields, current: Task): Merged {
  const merged: Merged = { changes: {}, conflicts: [] }
  for (const group of groupsOf(changes)) {
    const mine = pick(changes, group)
    const theirs = pick(current as Fields, group)
    if (same(mine, theirs)) continue
    if (same(pick(base, group), theirs)) Object.assign(merged.changes, mine)
    else merged.conflicts.push(conflictOf(group, mine, theirs))
  }
  return merged
}

function groupsOf(changes: Fields): Field[][] {
  const names = Object.keys(changes) as Field[]
  const grouped = [DUE, START].map((group) => names.filter((name) => group.includes(name))).filter((group) => group.length > 0)
  return [...grouped, ...names.filter((name) => !DUE.includes(name) && !START.includes(name)).map((name) => [name])]
}

function conflictOf(group: Field[], mine: Fields, theirs: Fields): Conflict {
  const [field] = group as [Field]
  if (group.length === 1) return { field, mine: mine[field], theirs: theirs[field] }
  return { field: DUE.includes(field) ? "due_at" : "start_at", mine, theirs }
}

/** The changes that make a person's own value win. */
export function changesOf(conflict: Conflict): Fields {
  const { field, mine } = conflict
  const whole = (field === "due_at" || field === "start_at") && mine !== null && typeof mine === "object"
  return whole ? (mine as Fields) : { [field]: mine }
}

function pick(fields: Fields, names: Field[]): Fields {
  return Object.fromEntries(names.map((name) => [name, fields[name] ?? null])) as Fields
}

function same(one: Fields, other: Fields): boolean {
  return canonical(one) === canonical(other)
}

/** One spelling for equal values: instants as instants, tags in any order, what the server adds left out. */
function canonical(fields: Fields): string {
  const { due_at, start_at, tags, reminders, recurrence, timezone, floating, ...rest } = fields
  return JSON.stringify({
    ...rest,
    due_at: due_at ? instantOf(due_at, timezone ?? "UTC") : null,
    start_at: start_at ? instantOf(start_at, timezone ?? "UTC") : null,
    floating: floating ?? false,
    tags: tags ? [...tags].sort() : null,
    reminders: reminders?.map(({ before, at, relative_to: base }) => [before ?? null, at ? Date.parse(at) : null, base ?? "due"]) ?? null,
    recurrence: recurrence ? (recurrence.rule ?? recurrence) : null,
    // A zone alone says nothing while nothing is due.
    timezone: due_at ? (timezone ?? null) : null,
  })
}

function instantOf(text: string, zone: string): number {
  return /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : toInstant(text, zone).getTime()
}
