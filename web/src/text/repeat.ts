/** A repetition between what a form holds and what the interface takes; pure. */
import type { Recurrence } from "@/api/shapes"
import { readRule } from "./say"
import { weekday } from "./zone"

export type Draft = {
  frequency: NonNullable<Recurrence["frequency"]> | null
  interval: number
  weekdays: string[]
  /** The part of the rule that says which day of a month. */
  month: string
  until: string | null
  count: number | null
} & Pick<Recurrence, "repeat_from" | "short_months" | "missed">

const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

/** The form for a task due on `date`, with what its recurrence says. */
export function draftOf(recurrence: Recurrence | null, date: string): Draft {
  const rule = readRule(recurrence?.rule ?? "")
  const until = rule.UNTIL
  const days = (rule.BYDAY ?? "").split(",").filter((day) => DAYS.includes(day))
  const month = rule.BYMONTHDAY ? `BYMONTHDAY=${rule.BYMONTHDAY}` : rule.BYDAY && rule.FREQ === "MONTHLY" ? `BYDAY=${rule.BYDAY}` : ""
  return {
    frequency: (rule.FREQ?.toLowerCase() as Draft["frequency"]) ?? null,
    interval: Number(rule.INTERVAL ?? 1),
    weekdays: days.length > 0 ? days : [DAYS[weekday(date)]!],
    month: month || `BYMONTHDAY=${Number(date.slice(8))}`,
    until: until ? `${until.slice(0, 4)}-${until.slice(4, 6)}-${until.slice(6, 8)}` : null,
    count: rule.COUNT ? Number(rule.COUNT) : null,
    repeat_from: recurrence?.repeat_from ?? "due",
    short_months: recurrence?.short_months ?? "backward",
    missed: recurrence?.missed ?? "keep_latest",
  }
}

/** What the form asks for; null for no repetition. */
export function ruleOf(draft: Draft): Partial<Recurrence> | null {
  if (!draft.frequency) return null
  const parts = [`FREQ=${draft.frequency.toUpperCase()}`]
  if (draft.interval > 1) parts.push(`INTERVAL=${draft.interval}`)
  if (draft.frequency === "weekly" && draft.weekdays.length > 0) parts.push(`BYDAY=${draft.weekdays.join(",")}`)
  if (draft.frequency === "monthly") parts.push(draft.month)
  if (draft.count) parts.push(`COUNT=${draft.count}`)
  else if (draft.until) parts.push(`UNTIL=${draft.until.replaceAll("-", "")}`)
  const { repeat_from, short_months, missed } = draft
  return { rule: parts.join(";"), repeat_from, short_months, missed }
}
