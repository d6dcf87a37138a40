/** Quick add: reads one line as a person writes it ("pay rent every month on the 31st 9am #home !high remind 1h before") and says what it understood; pure, so that a table can test it. */
import { addDays, addMonths, weekday } from "./zone"

export type Kind = "tag" | "priority" | "date" | "time" | "repeat" | "reminder"
export type Span = { start: number; end: number; kind: Kind }
export type Priority = "high" | "medium" | "low" | "none"
export type Rule = {
  rule?: string
  frequency?: "hourly" | "daily" | "weekly" | "monthly" | "yearly"
  interval?: number
  weekdays?: string[]
  until?: string
  count?: number
  repeat_from?: "completion"
}
export type Understood = {
  title: string
  due_on?: string
  due_at?: string
  tags: string[]
  priority?: Priority
  recurrence?: Rule
  reminders: { before: string }[]
  spans: Span[]
}

const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
const DAY = "mon(?:day)?s?|tue(?:s|sday)?s?|wed(?:nesday)?s?|thu(?:r|rs|rsday)?s?|fri(?:day)?s?|sat(?:urday)?s?|sun(?:day)?s?"
const MONTH = "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
const UNIT = "minutes?|mins?|min|m|hours?|hrs?|hr|h|days?|d|weeks?|wks?|w"
const NTH = "1st|first|2nd|second|3rd|third|4th|fourth|last"
const ORDINAL = "(\\d{1,2})(?:st|nd|rd|th)"

/** What the reader knows and gathers: the line with what was taken blanked out, and the findings. */
class Reading {
  rest: string
  found: Understood = { title: "", tags: [], reminders: [], spans: [] }
  date: string | undefined
  time: string | undefined
  monthDay: number | undefined

  constructor(text: string, readonly today: string, readonly now: string) {
    // What stands in quotes is title, whatever it looks like.
    this.rest = text.replace(/"[^"]*"/g, (quoted) => "\u0001".repeat(quoted.length))
  }

  /** Takes every match of `pattern` that stands between blanks; `use` may refuse one by false. */
  take(kind: Kind, pattern: string, use: (match: string[]) => boolean | void): void {
    const search = new RegExp(`(?<=^|[\\s,;])(?:${pattern})(?=$|[\\s,;.!?])`, "giu")
    this.rest = this.rest.replace(search, (whole: string, ...groups: unknown[]) => {
      const at = groups.findIndex((value) => typeof value === "number")
      const match = [whole, ...groups.slice(0, at).map((one) => (one === undefined ? "" : String(one)))]
      if (use(match) === false) return whole
      const start = groups[at] as number
      this.found.spans.push({ start, end: start + whole.length, kind })
      return "\u0002".repeat(whole.length)
    })
  }
}

/** Reads `text` where it is `today` (a date) and `now` (HH:MM) for the person. */
export function understand(text: string, today: string, now: string): Understood {
  const reading = new Reading(text, today, now)
  takeMarks(reading)
  takeReminders(reading)
  takeRepeat(reading)
  takeDate(reading)
  takeTime(reading)
  place(reading)
  reading.found.spans.sort((one, other) => one.start - other.start)
  reading.found.title = titleOf(text, reading.found.spans)
  return reading.found
}

function titleOf(text: string, spans: Span[]): string {
  let title = ""
  let at = 0
  for (const span of spans) {
    title += text.slice(at, span.start)
    at = span.end
  }
  const words = (title + text.slice(at)).replace(/\s+/g, " ").trim()
  return words.replace(/^"([^"]*)"$/, "$1").replace(/(?<=\S)\s+[,;]|[,;]+$/g, "").trim()
}

// --- marks -------------------------------------------------------------------------------------

const PRIORITIES: Record<string, Priority> = {
  high: "high", h: "high", "1": "high", "!!": "high", medium: "medium", med: "medium", m: "medium",
  "2": "medium", "!": "medium", low: "low", l: "low", "3": "low",
}

function takeMarks(reading: Reading): void {
  const { found } = reading
  reading.take("tag", "#([\\p{L}\\p{N}_/+&-]{1,64})", ([, tag]) => {
    const known = found.tags.some((one) => one.toLowerCase() === tag!.toLowerCase())
    if (!known) found.tags.push(tag!)
  })
  reading.take("priority", "!(high|medium|med|low|h|m|l|[123]|!!|!)", ([, level]) => {
    if (found.priority) return false
    found.priority = PRIORITIES[level!.toLowerCase()]
  })
}

// --- reminders ---------------------------------------------------------------------------------

function takeReminders(reading: Reading): void {
  const { found } = reading
  const amount = "(\\d{1,3}|an?|half an)"
  reading.take("reminder", `remind(?:er)?(?: me)? ${amount} ?(${UNIT})(?: before| earlier| ahead)?`, ([, n, unit]) => {
    found.reminders.push({ before: duration(n!, unit!) })
  })
  reading.take("reminder", "remind(?:er)?(?: me)?(?: at (?:the )?due(?: time)?| then)?", ([whole]) => {
    if (!/then|due/i.test(whole!)) return false
    found.reminders.push({ before: "PT0S" })
  })
}

function duration(amount: string, unit: string): string {
  if (/half/i.test(amount)) return "PT30M"
  const n = /^\d/.test(amount) ? Number(amount) : 1
  const letter = unit[0]!.toUpperCase()
  if (letter === "W") return `P${n * 7}D`
  return letter === "D" ? `P${n}D` : `PT${n}${letter}`
}

// --- repeating ---------------------------------------------------------------------------------

const FREQUENCY: Record<string, Rule["frequency"]> = {
  hour: "hourly", day: "daily", week: "weekly", month: "monthly", year: "yearly",
}
const PLACES: Record<string, number> = { "1st": 1, first: 1, "2nd": 2, second: 2, "3rd": 3, third: 3, "4th": 4, fourth: 4, last: -1 }

function takeRepeat(reading: Reading): void {
  const set = (rule: Rule): boolean | void => {
    if (reading.found.recurrence) return false
    reading.found.recurrence = rule
  }
  takeMonthly(reading, set)
  takeWeekly(reading, set)
  takePlain(reading, set)
  if (reading.found.recurrence) takeEnd(reading, reading.found.recurrence)
}

type SetRule = (rule: Rule) => boolean | void

function takeMonthly(reading: Reading, set: SetRule): void {
  const every = "(?:every|each) (?:(\\d{1,2}) )?months?"
  const by = (n: string | undefined, part: string): Rule => ({
    rule: `FREQ=MONTHLY${n ? `;INTERVAL=${Number(n)}` : ""};${part}`,
  })
  reading.take("repeat", `${every} on (?:the )?(${NTH}) (${DAY})`, ([, n, nth, day]) =>
    set(by(n, `BYDAY=${PLACES[nth!.toLowerCase()]}${DAYS[dayOf(day!)]}`)))
  reading.take("repeat", `${every} on (?:the )?last day`, ([, n]) => set(by(n, "BYMONTHDAY=-1")))
  reading.take("repeat", `(?:${every} on (?:the |day )?|every |monthly on (?:the )?)(\\d{1,2})(?:st|nd|rd|th)`, ([, n, day]) => {
    if (Number(day) < 1 || Number(day) > 31) return false
    reading.monthDay = Number(day)
    return set(by(n, `BYMONTHDAY=${Number(day)}`))
  })
}

function takeWeekly(reading: Reading, set: SetRule): void {
  const list = `((?:${DAY})(?:(?:,| and|,? &|\\/|, and) ?(?:${DAY}))*)`
  const days = (text: string) =>
    [...new Set(text.match(new RegExp(DAY, "gi"))!.map(dayOf))].sort((a, b) => a - b).map((day) => DAYS[day]!)
  reading.take("repeat", "(?:every|each) (?:week|work)days?", () =>
    set({ frequency: "weekly", weekdays: DAYS.slice(0, 5) }))
  reading.take("repeat", "(?:every|each) weekends?", () => set({ frequency: "weekly", weekdays: DAYS.slice(5) }))
  reading.take("repeat", `(?:every|each) (?:(other|\\d{1,2}) )?weeks? on ${list}`, ([, n, text]) =>
    set({ frequency: "weekly", interval: times(n!), weekdays: days(text!) }))
  reading.take("repeat", `(?:every|each) (?:(other) )?${list}`, ([, n, text]) =>
    set({ frequency: "weekly", interval: times(n!), weekdays: days(text!) }))
}

function takePlain(reading: Reading, set: SetRule): void {
  reading.take("repeat", "(?:every|each)(!)? (?:(other|second|third|\\d{1,3}) )?(hour|day|week|month|year)s?", ([, done, n, unit]) =>
    set({
      frequency: FREQUENCY[unit!.toLowerCase()],
      interval: times(n!),
      ...(done ? { repeat_from: "completion" as const } : {}),
    }))
  reading.take("repeat", "(hourly|daily|weekly|monthly|yearly|annually|biweekly|fortnightly)", ([, word]) => {
    const name = word!.toLowerCase()
    if (name === "biweekly" || name === "fortnightly") return set({ frequency: "weekly", interval: 2 })
    return set({ frequency: (name === "annually" ? "yearly" : name) as Rule["frequency"], interval: 1 })
  })
}

function times(word: string): number {
  if (/^(other|second)$/i.test(word)) return 2
  return /^third$/i.test(word) ? 3 : Math.max(1, Number(word) || 1)
}

function takeEnd(reading: Reading, rule: Rule): void {
  reading.take("repeat", "(?:for )?(\\d{1,3}) times", ([, n]) => {
    rule.count = Number(n)
    if (rule.rule) rule.rule += `;COUNT=${Number(n)}`
  })
  reading.take("repeat", "(?:after|from) (?:completion|finishing|done)|when done", () => {
    rule.repeat_from = "completion"
  })
  for (const [pattern, read] of DATES) {
    reading.take("repeat", `until (?:${pattern})`, (match) => {
      const date = read(match, reading)
      if (!date || rule.count) return false
      rule.until = date
    })
  }
  if (rule.rule && rule.until) rule.rule += `;UNTIL=${rule.until.replaceAll("-", "")}`
  if (rule.rule) {
    delete rule.count
    delete rule.until
  }
}

// --- dates -------------------------------------------------------------------------------------

type ReadDate = (match: string[], reading: Reading) => string | undefined

/** Each way to write a date, the longer before the shorter. */
const DATES: [string, ReadDate][] = [
  ["(\\d{4}-\\d{2}-\\d{2})", ([, date]) => checked(date!)],
  [`(\\d{1,2})(?:st|nd|rd|th)?\\.? (${MONTH})\\.?,?(?: (\\d{4}))?`, ([, day, month, year], r) => dayAndMonth(day!, month!, year!, r)],
  [`(${MONTH})\\.? (\\d{1,2})(?:st|nd|rd|th)?,?(?: (\\d{4}))?`, ([, month, day, year], r) => dayAndMonth(day!, month!, year!, r)],
  ["(\\d{1,2})[./](\\d{1,2})[./](\\d{4})?", ([, day, month, year], r) => numeric(day!, month!, year!, r)],
  ["today|tonight|this evening", (_, r) => r.today],
  ["(?:the )?day after tomorrow", (_, r) => addDays(r.today, 2)],
  ["tomorrow|tmrw|tmr", (_, r) => addDays(r.today, 1)],
  ["next week", (_, r) => addDays(r.today, 7 - weekday(r.today))],
  ["next month", (_, r) => addMonths(r.today, 1, 1)],
  ["(?:the |this )?(?:end of (?:the )?month|eom)", (_, r) => addMonths(r.today, 0, 31)],
  ["(?:this |the |next )?weekend", (_, r) => addDays(r.today, (5 - weekday(r.today) + 7) % 7)],
  ["in (\\d{1,3}|an?) (days?|weeks?|months?|years?)", ([, n, unit], r) => later(n!, unit!, r)],
  [`(?:on |this |next |by )?(${DAY})`, ([whole, day], r) => nextDay(whole!, day!, r)],
  [`(?:on )?the ${ORDINAL}`, ([, day], r) => nextMonthDay(Number(day), r.today)],
]

function takeDate(reading: Reading): void {
  for (const [pattern, read] of DATES) {
    reading.take("date", `(?:(?:on|by|due) )?(?:${pattern})`, (match) => {
      const date = reading.date ? undefined : read(match, reading)
      if (!date) return false
      reading.date = date
      if (/tonight|evening/i.test(match[0]!)) reading.time = "20:00"
    })
  }
}

function dayOf(name: string): number {
  return ["mo", "tu", "we", "th", "fr", "sa", "su"].indexOf(name.slice(0, 2).toLowerCase())
}

/** The date if the calendar has it. */
function checked(date: string): string | undefined {
  const time = Date.parse(`${date}T00:00Z`)
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== date ? undefined : date
}

function dayAndMonth(day: string, month: string, year: string, reading: Reading): string | undefined {
  return numeric(day, String(MONTHS.indexOf(month.slice(0, 3).toLowerCase()) + 1), year, reading)
}

/** The next such day, unless a year is given. */
function numeric(day: string, month: string, year: string, { today }: Reading): string | undefined {
  const of = (y: number) => checked(`${y}-${month.padStart(2, "0")}-${day.padStart(2, "0")}`)
  if (year) return of(Number(year))
  const first = Number(today.slice(0, 4))
  for (let y = first; y < first + 8; y += 1) {
    const date = of(y)
    if (date && date >= today) return date
  }
  return undefined
}

function later(amount: string, unit: string, { today }: Reading): string {
  const n = Number(amount) || 1
  if (/^d/i.test(unit)) return addDays(today, n)
  if (/^w/i.test(unit)) return addDays(today, n * 7)
  return addMonths(today, /^y/i.test(unit) ? n * 12 : n)
}

/** `fri` is the coming one, never today; `next fri` the one of next week. */
function nextDay(whole: string, name: string, { today }: Reading): string | undefined {
  const ahead = (dayOf(name) - weekday(today) + 7) % 7 || 7
  if (!/^next /i.test(whole)) return addDays(today, ahead)
  const monday = addDays(today, 7 - weekday(today))
  return addDays(monday, dayOf(name))
}

function nextMonthDay(day: number, today: string): string | undefined {
  if (day < 1 || day > 31) return undefined
  const here = addMonths(today, 0, day)
  return here >= today ? here : addMonths(today, 1, day)
}

// --- times -------------------------------------------------------------------------------------

const HOURS: Record<string, string> = {
  noon: "12:00", midday: "12:00", midnight: "00:00", morning: "09:00", afternoon: "15:00", evening: "18:00", night: "21:00",
}

function takeTime(reading: Reading): void {
  const set = (time: string | undefined): boolean | void => {
    if (!time || (reading.time && reading.time !== "20:00")) return false
    reading.time = time
  }
  reading.take("time", "(?:at |@ ?|by )?(\\d{1,2})(?:[:.](\\d{2}))? ?(am|pm|a\\.m\\.|p\\.m\\.)", ([, hour, minute, half]) =>
    set(twelve(Number(hour), minute || "00", half!)))
  reading.take("time", "(?:at |@ ?|by )?(\\d{1,2}):(\\d{2})", ([, hour, minute]) => set(clock(Number(hour), minute!)))
  reading.take("time", "(?:at |@ ?)(\\d{1,2})(?: ?h| o'clock)?", ([, hour]) => set(clock(Number(hour), "00")))
  reading.take("time", "(?:at |in the |this )?(noon|midday|midnight|morning|afternoon|evening|night)", ([whole, word]) =>
    reading.date || /^(at|in|this) /i.test(whole!) ? set(HOURS[word!.toLowerCase()]) : false)
  reading.take("time", "in (\\d{1,3}|an?|half an) ?(minutes?|mins?|min|hours?|hrs?|h|m)", ([, n, unit]) => takeDelay(reading, n!, unit!))
}

function twelve(hour: number, minute: string, half: string): string | undefined {
  if (hour < 1 || hour > 12) return undefined
  return clock((hour % 12) + (/^p/i.test(half) ? 12 : 0), minute)
}

function clock(hour: number, minute: string): string | undefined {
  return hour < 24 && Number(minute) < 60 ? `${String(hour).padStart(2, "0")}:${minute}` : undefined
}

function takeDelay(reading: Reading, amount: string, unit: string): boolean | void {
  if (reading.date || reading.time) return false
  const n = /half/i.test(amount) ? 0.5 : Number(amount) || 1
  const minutes = /^h/i.test(unit) ? n * 60 : n
  const local = new Date(Date.parse(`${reading.today}T${reading.now}Z`) + minutes * 60_000).toISOString()
  reading.date = local.slice(0, 10)
  reading.time = local.slice(11, 16)
}

// --- the due date ------------------------------------------------------------------------------

/** Puts date, time and rule together; a rule alone begins at the first day that it names. */
function place(reading: Reading): void {
  const { found, today, now } = reading
  let date = reading.date
  const from = reading.time && reading.time <= now ? addDays(today, 1) : today
  if (!date && found.recurrence) date = firstOf(found.recurrence, reading.monthDay, from)
  if (!date && (reading.time || found.reminders.length > 0)) date = reading.time ? from : today
  if (!date) return
  if (reading.time) found.due_at = `${date}T${reading.time}`
  else found.due_on = date
}

function firstOf(rule: Rule, monthDay: number | undefined, from: string): string {
  if (monthDay) return nextMonthDay(monthDay, from) ?? from
  if (rule.weekdays) {
    for (let ahead = 0; ahead < 7; ahead += 1) {
      const date = addDays(from, ahead)
      if (rule.weekdays.includes(DAYS[weekday(date)]!)) return date
    }
  }
  const nth = /BYDAY=(-?\d)([A-Z]{2})/.exec(rule.rule ?? "")
  if (nth) return nthDay(Number(nth[1]), DAYS.indexOf(nth[2]!), from)
  return rule.rule?.includes("BYMONTHDAY=-1") ? addMonths(from, 0, 31) : from
}

/** The next date that is the nth such weekday of its month; the last one for -1. */
function nthDay(nth: number, day: number, from: string): string {
  for (let ahead = 0; ; ahead += 1) {
    const date = addDays(from, ahead)
    if (weekday(date) !== day) continue
    const rank = Math.ceil(Number(date.slice(8)) / 7)
    if (nth > 0 ? rank === nth : addDays(date, 7).slice(5, 7) !== date.slice(5, 7)) return date
  }
}
