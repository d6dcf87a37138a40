/** Wall-clock time in any zone, by the browser's own tables: what a date is there, and which instant a clock shows. */

const formats = new Map<string, Intl.DateTimeFormat>()

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone)
  if (!format) {
    format = new Intl.DateTimeFormat("en-CA-u-ca-iso8601-nu-latn", {
      timeZone: zone, hourCycle: "h23", year: "numeric", month: "2-digit", day: "2-digit",
      hour: "2-digit", minute: "2-digit", second: "2-digit",
    })
    formats.set(zone, format)
  }
  return format
}

/** `YYYY-MM-DDTHH:MM:SS` as the clocks of `zone` show it. */
export function toLocal(instant: Date | string, zone: string): string {
  const parts: Record<string, string> = {}
  for (const part of formatOf(zone).formatToParts(new Date(instant))) parts[part.type] = part.value
  const year = (parts.year ?? "").padStart(4, "0")
  return `${year}-${parts.month}-${parts.day}T${parts.hour}:${parts.minute}:${parts.second}`
}

/** The instant at which the clocks of `zone` show `local`; in a gap the time moves forward by it, of an ambiguous one the first counts (as the server decides). */
export function toInstant(local: string, zone: string): Date {
  const wall = Date.parse(`${local.length === 10 ? `${local}T00:00` : local}Z`)
  const before = offset(wall - 86_400_000, zone)
  const after = offset(wall + 86_400_000, zone)
  const first = wall - Math.max(before, after)
  if (shows(first, zone, wall)) return new Date(first)
  const second = wall - Math.min(before, after)
  return new Date(shows(second, zone, wall) ? second : wall - before)
}

function offset(instant: number, zone: string): number {
  return Date.parse(`${toLocal(new Date(instant), zone)}Z`) - Math.floor(instant / 1000) * 1000
}

function shows(instant: number, zone: string, wall: number): boolean {
  return instant + offset(instant, zone) === wall
}

/** Today's date in `zone`. */
export function dateIn(zone: string, now: Date): string {
  return toLocal(now, zone).slice(0, 10)
}

/** The date `days` later. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)
}

/** The date `months` later, the last day of a month that is too short. */
export function addMonths(date: string, months: number, day = Number(date.slice(8))): string {
  const first = new Date(`${date.slice(0, 7)}-01T00:00Z`)
  first.setUTCMonth(first.getUTCMonth() + months)
  const start = first.toISOString().slice(0, 8)
  return start + String(Math.min(day, daysInMonth(start))).padStart(2, "0")
}

function daysInMonth(date: string): number {
  return new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0)).getUTCDate()
}

/** 0 for Monday to 6 for Sunday. */
export function weekday(date: string): number {
  return (new Date(`${date}T00:00Z`).getUTCDay() + 6) % 7
}

/** Whole days from one date to another. */
export function daysBetween(from: string, to: string): number {
  return Math.round((Date.parse(`${to}T00:00Z`) - Date.parse(`${from}T00:00Z`)) / 86_400_000)
}
