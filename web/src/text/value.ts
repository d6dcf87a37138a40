/** A field's value in a person's words, for histories and for what must be decided; pure. */
import type { Recurrence, Reminder } from "@/api/shapes"
import type { Fields } from "@/data/writes"
import { asText } from "./differences"
import { type Saying, sayBefore, sayInstant, sayLongDate, sayRepeat, sayTime } from "./say"

const OFFSET = /(Z|[+-]\d\d:\d\d)$/

/** Nothing for nothing. */
export function sayValue(field: string, value: unknown, saying: Saying): string {
  if (value === null || value === undefined || value === "") return ""
  const { t } = saying
  if (field.endsWith("_at") || field.endsWith("_on")) return typeof value === "object" ? sayTimes(value, saying) : sayMoment(String(value), saying)
  if (field === "priority") return t.priority[value as keyof typeof t.priority] ?? String(value)
  if (field === "status") return t.status[value as keyof typeof t.status] ?? String(value)
  if (field === "floating") return value ? t.due.floats : ""
  if (field === "recurrence") return sayRepeat(value as Partial<Recurrence>, saying)
  if (field === "reminders") return (value as Reminder[]).map((one) => sayReminder(one, saying)).join(", ")
  return asText(value)
}

/** One decision of a person: the due time or the start, with its clock. */
function sayTimes(times: Fields, saying: Saying): string {
  const when = times.due_at ?? times.due_on ?? times.start_at ?? times.start_on
  if (!when) return ""
  const timed = when.length > 10
  const clock = !timed || times.floating || !times.timezone || times.timezone === saying.at.zone ? "" : ` ${saying.t.due.zone(times.timezone)}`
  return sayMoment(when, saying) + (timed && times.floating ? `, ${saying.t.due.floats}` : OFFSET.test(when) ? "" : clock)
}

/** A day, an instant, or a time on a wall. */
function sayMoment(text: string, saying: Saying): string {
  if (OFFSET.test(text)) return sayInstant(text, saying)
  const day = sayLongDate(text.slice(0, 10), saying)
  return text.length > 10 ? `${day}, ${sayTime(text.slice(11, 16), saying)}` : day
}

function sayReminder({ before, at, relative_to: base }: Reminder, saying: Saying): string {
  if (before) return sayBefore(before, saying, base)
  return at ? saying.t.remind.at(sayMoment(at, saying)) : ""
}
