/** Dates, repetitions and durations in a person's words, locale and zone; pure. */
import type { Recurrence, Task } from "@/api/shapes"
import type { Here } from "@/data/spec"
import { dueDate, dueTime } from "@/data/spec"
import type { Words } from "@/words/en"
import { daysBetween } from "./zone"

export type Saying = { t: Words; locale: string; at: Here }

const formats = new Map<string, Intl.DateTimeFormat>()

function format(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale + JSON.stringify(options)
  let made = formats.get(key)
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(locale, options)))
  return made
}

const noon = (date: string) => new Date(`${date}T12:00Z`)

/** A date as near ones are called: today, Friday, 4 Dec, 4 Dec 2027. */
export function sayDate(date: string, { t, locale, at }: Saying): string {
  const away = daysBetween(at.today, date)
  if (away === 0) return t.due.today
  if (away === 1) return t.due.tomorrow
  if (away === -1) return t.due.yesterday
  if (away > 1 && away < 7) return format(locale, { timeZone: "UTC", weekday: "long" }).format(noon(date))
  const year = date.slice(0, 4) === at.today.slice(0, 4) ? undefined : ("numeric" as const)
  return format(locale, { timeZone: "UTC", day: "numeric", month: "short", year }).format(noon(date))
}

/** A date in full: Monday, 23 November. */
export function sayLongDate(date: string, { locale, at }: Saying): string {
  const year = date.slice(0, 4) === at.today.slice(0, 4) ? undefined : ("numeric" as const)
  return format(locale, { timeZone: "UTC", weekday: "long", day: "numeric", month: "long", year }).format(noon(date))
}

/** What `sayDate` leaves out: the date beside a weekday, the weekday beside a date. */
export function sayRest(date: string, { locale, at }: Saying): string {
  const away = daysBetween(at.today, date)
  if (away > 1 && away < 7) return format(locale, { timeZone: "UTC", day: "numeric", month: "long" }).format(noon(date))
  if (Math.abs(away) <= 1) return format(locale, { timeZone: "UTC", weekday: "long", day: "numeric", month: "long" }).format(noon(date))
  return format(locale, { timeZone: "UTC", weekday: "long" }).format(noon(date))
}

export function sayTime(time: string, { locale }: Saying): string {
  return format(locale, { timeZone: "UTC", hour: "2-digit", minute: "2-digit" }).format(new Date(`2026-01-01T${time}Z`))
}

export function sayDue(task: Task, saying: Saying): string {
  const date = dueDate(task, saying.at.zone)
  if (!date) return saying.t.due.none
  const time = dueTime(task, saying.at.zone)
  return time ? `${sayDate(date, saying)} ${sayTime(time, saying)}` : sayDate(date, saying)
}

/** An instant: date and time in the person's zone. */
export function sayInstant(instant: string, { locale, at }: Saying): string {
  return format(locale, { timeZone: at.zone, day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" }).format(new Date(instant))
}

const INSTANT = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g

/** A sentence of the server's with its instants as the person reads them. */
export function sayInstants(text: string, saying: Saying): string {
  return text.replace(INSTANT, (instant) => sayInstant(instant, saying))
}

/** How long ago, in the largest unit that fits. */
export function sayAgo(instant: string, { locale, at }: Saying): string {
  const seconds = Math.max(0, Math.round((at.now.getTime() - Date.parse(instant)) / 1000))
  const unit = (n: number, name: string) => new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "narrow" }).format(n)
  if (seconds < 60) return unit(seconds, "second")
  if (seconds < 3600) return unit(Math.floor(seconds / 60), "minute")
  return seconds < 86_400 ? unit(Math.floor(seconds / 3600), "hour") : unit(Math.floor(seconds / 86_400), "day")
}

/** The name of a weekday, 0 for Monday. */
export function sayWeekday(day: number, locale: string, weekday: "long" | "short" | "narrow" = "short"): string {
  return format(locale, { timeZone: "UTC", weekday }).format(new Date(Date.UTC(2026, 0, 5 + day)))
}

// --- repetition --------------------------------------------------------------------------------

const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
const WORKDAYS = "MO,TU,WE,TH,FR"

/** The parts of a rule. */
export function readRule(rule: string): Record<string, string> {
  return Object.fromEntries(rule.split(";").map((part) => part.split("=") as [string, string]))
}

/** A repetition in words: "every 2 weeks on Tue, Thu, until 31 Dec". */
export function sayRepeat(recurrence: Partial<Recurrence>, saying: Saying): string {
  const { t } = saying
  const rule = readRule(recurrence.rule ?? "")
  const frequency = (rule.FREQ?.toLowerCase() ?? recurrence.frequency ?? "daily") as keyof typeof t.repeat.units
  const days = rule.BYDAY ?? recurrence.weekdays?.join(",") ?? ""
  const interval = Number(rule.INTERVAL ?? recurrence.interval ?? 1)
  const words = [t.repeat.each(interval, t.repeat.units[frequency] ?? ["?", "?"])]
  if (frequency === "weekly" && interval === 1 && days === WORKDAYS) words.splice(0, 1, t.repeat.workdays)
  else if (days) words.push(sayDays(days, saying))
  if (rule.BYMONTHDAY) words.push(rule.BYMONTHDAY.split(",").map((day) => t.repeat.onDay(Number(day))).join(", "))
  if (recurrence.repeat_from === "completion") words.push(t.repeat.fromCompletion)
  return [words.join(" "), ...sayEnd(recurrence, rule, saying)].join(", ")
}

function sayDays(days: string, { t, locale }: Saying): string {
  const named = days.split(",").map((text) => {
    const [, nth, day] = /^([+-]?\d*)([A-Z]{2})$/.exec(text) ?? []
    const name = sayWeekday(DAYS.indexOf(day ?? "MO"), locale, nth ? "long" : "short")
    return nth ? t.repeat.nthDay(Number(nth) < 0 ? t.repeat.last : (t.repeat.nth[Number(nth) - 1] ?? nth), name) : name
  })
  return /\d/.test(days) ? named.join(", ") : t.repeat.onDays(named.join(", "))
}

function sayEnd(recurrence: Partial<Recurrence>, rule: Record<string, string>, saying: Saying): string[] {
  const count = Number(rule.COUNT ?? recurrence.count ?? 0)
  if (count) return [saying.t.repeat.times(count)]
  const until = rule.UNTIL ?? recurrence.until?.replaceAll("-", "")
  if (!until) return []
  return [saying.t.repeat.untilDate(sayDate(`${until.slice(0, 4)}-${until.slice(4, 6)}-${until.slice(6, 8)}`, saying))]
}

// --- durations ---------------------------------------------------------------------------------

/** Minutes of an ISO 8601 duration. */
export function readMinutes(duration: string): number {
  const [, weeks, days, hours, minutes, seconds] =
    /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(duration) ?? []
  const of = (part: string | undefined) => Number(part ?? 0)
  return of(weeks) * 10_080 + of(days) * 1440 + of(hours) * 60 + of(minutes) + of(seconds) / 60
}

/** A duration in its largest whole unit. */
export function sayMinutes(duration: string, { t }: Saying): string {
  const minutes = readMinutes(duration)
  if (minutes > 0 && minutes % 1440 === 0) return t.remind.days(minutes / 1440)
  return minutes > 0 && minutes % 60 === 0 ? t.remind.hours(minutes / 60) : t.remind.minutes(minutes)
}

/** When a reminder comes: before, at or after what it counts from. */
export function sayBefore(duration: string, saying: Saying, base: "start" | "due" = "due"): string {
  const { remind } = saying.t
  const after = duration.startsWith("-")
  const length = after ? duration.slice(1) : duration
  if (readMinutes(length) === 0) return base === "start" ? remind.atStart : remind.atDue
  const words = (after ? remind.afterIt : remind.before)(sayMinutes(length, saying))
  return base === "start" ? remind.ofStart(words) : words
}
