/** How a task repeats: in a person's words, with the next dates and why one differs from the rule. */
import * as Popover from "@radix-ui/react-popover"
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { type ReactNode, useState } from "react"
import { ask } from "@/api/client"
import type { Preview, Recurrence, Task } from "@/api/shapes"
import { useDesk, useSaying } from "@/data/desk"
import { dueDate } from "@/data/spec"
import type { Fields } from "@/data/writes"
import { type Saying, readRule, sayLongDate, sayRepeat, sayTime, sayWeekday } from "@/text/say"
import { sayReason } from "@/text/reason"
import { type Draft, draftOf, ruleOf } from "@/text/repeat"
import { addMonths, weekday } from "@/text/zone"

export function RepeatField({ task, change }: { task: Task; change: (changes: Fields) => void }) {
  const saying = useSaying()
  const { t } = saying
  const dated = Boolean(task.due_at || task.due_on)
  if (!dated) return <p className="px-2 pt-1.5 text-faint">{t.repeat.needsDate}</p>
  return (
    <Popover.Root>
      <Popover.Trigger className={`min-h-9 rounded-md px-2 py-1 text-left hover:bg-hover max-md:min-h-11 ${task.recurrence ? "" : "text-faint"}`}>{task.recurrence ? sayRepeat(task.recurrence, saying) : t.repeat.never}</Popover.Trigger>
      <Popover.Portal>
        <Popover.Content aria-label={t.fields.recurrence} align="start" sideOffset={4} collisionPadding={12} className="floating appear max-h-[80dvh] w-84 max-w-[94vw] overflow-y-auto p-4">
          <Editor task={task} saying={saying} change={change} />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  )
}

function Editor({ task, saying, change }: { task: Task; saying: Saying; change: (changes: Fields) => void }) {
  const { t, at } = saying
  const date = dueDate(task, task.timezone ?? at.zone) ?? at.today
  const [draft, setDraft] = useState<Draft>(() => draftOf(task.recurrence, date))
  const recurrence = ruleOf(draft)
  const set = (changes: Partial<Draft>) => {
    const next = { ...draft, ...changes }
    setDraft(next)
    change({ recurrence: ruleOf(next) })
  }
  return (
    <div className="grid gap-3 text-sm">
      <Frequency draft={draft} set={set} saying={saying} />
      {draft.frequency === "weekly" && <Weekdays draft={draft} set={set} saying={saying} />}
      {draft.frequency === "monthly" && <MonthDay draft={draft} set={set} saying={saying} date={date} />}
      {draft.frequency && <End draft={draft} set={set} saying={saying} />}
      {draft.frequency && <Choices draft={draft} set={set} saying={saying} />}
      {recurrence && <Dates task={task} recurrence={recurrence} saying={saying} />}
      {!draft.frequency && task.recurrence && <p className="text-soft">{t.repeat.rule}: <code>{task.recurrence.rule}</code></p>}
    </div>
  )
}

type PartGiven = { draft: Draft; set: (changes: Partial<Draft>) => void; saying: Saying }
const FREQUENCIES = ["daily", "weekly", "monthly", "yearly", "hourly"] as const

function Line({ name, children }: { name: string; children: ReactNode }) {
  return <label className="grid grid-cols-[7rem_1fr] items-center gap-2"><span className="text-soft">{name}</span>{children}</label>
}

function Frequency({ draft, set, saying: { t } }: PartGiven) {
  return (
    <div className="grid grid-cols-[4rem_1fr] gap-2">
      <input type="number" min={1} max={999} className="field py-1" aria-label={t.repeat.every} value={draft.interval} disabled={!draft.frequency} onChange={(event) => set({ interval: Math.max(1, Number(event.target.value) || 1) })} />
      <select className="field py-1" aria-label={t.fields.recurrence} value={draft.frequency ?? ""} onChange={(event) => set({ frequency: (event.target.value || null) as Draft["frequency"] })}>
        <option value="">{t.repeat.never}</option>
        {FREQUENCIES.map((one) => <option key={one} value={one}>{t.repeat.units[one]![draft.interval === 1 ? 0 : 1]}</option>)}
      </select>
    </div>
  )
}

const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]

function Weekdays({ draft, set, saying: { t, locale } }: PartGiven) {
  const flip = (day: string) => set({ weekdays: draft.weekdays.includes(day) ? draft.weekdays.filter((one) => one !== day) : DAYS.filter((one) => one === day || draft.weekdays.includes(one)) })
  return (
    <div role="group" aria-label={t.repeat.on} className="flex justify-between">
      {DAYS.map((day, n) => <button key={day} aria-pressed={draft.weekdays.includes(day)} aria-label={sayWeekday(n, locale, "long")} onClick={() => flip(day)} className={`size-9 rounded-full text-xs font-semibold ${draft.weekdays.includes(day) ? "bg-accent text-on-accent" : "border border-line hover:bg-hover"}`}>{sayWeekday(n, locale, "narrow")}</button>)}
    </div>
  )
}

function MonthDay({ draft, set, saying: { t, locale }, date }: PartGiven & { date: string }) {
  const day = Number(date.slice(8))
  const nth = Math.ceil(day / 7)
  const options: [string, string][] = [
    [`BYMONTHDAY=${day}`, t.repeat.onDay(day)], ["BYMONTHDAY=-1", t.repeat.onDay(-1)],
    [`BYDAY=${nth}${DAYS[weekday(date)]}`, t.repeat.nthDay(t.repeat.nth[nth - 1]!, sayWeekday(weekday(date), locale, "long"))],
    [`BYDAY=-1${DAYS[weekday(date)]}`, t.repeat.nthDay(t.repeat.last, sayWeekday(weekday(date), locale, "long"))],
  ]
  if (draft.month && !options.some(([part]) => part === draft.month)) options.push([draft.month, draft.month.startsWith("BYMONTHDAY") ? t.repeat.onDay(Number(readRule(draft.month).BYMONTHDAY)) : t.repeat.custom])
  return (
    <>
      <Line name={t.repeat.on}><select className="field py-1" value={draft.month} onChange={(event) => set({ month: event.target.value })}>{options.map(([part, name]) => <option key={part} value={part}>{name}</option>)}</select></Line>
      <Line name={t.repeat.short}>
        <select className="field py-1" value={draft.short_months} onChange={(event) => set({ short_months: event.target.value as Recurrence["short_months"] })}>{(["backward", "forward", "omit"] as const).map((one) => <option key={one} value={one}>{t.repeat[one]}</option>)}</select>
      </Line>
    </>
  )
}

function End({ draft, set, saying: { t, at } }: PartGiven) {
  const kind = draft.count ? "after" : draft.until ? "until" : "forever"
  const choose = (next: string) => set({ count: next === "after" ? 10 : null, until: next === "until" ? addMonths(at.today, 3) : null })
  return (
    <Line name={t.repeat.ends}>
      <span className="grid grid-cols-[1fr_auto] gap-2">
        <select className="field py-1" value={kind} onChange={(event) => choose(event.target.value)}>{(["forever", "until", "after"] as const).map((one) => <option key={one} value={one}>{t.repeat[one]}</option>)}</select>
        {draft.count !== null && <input type="number" min={1} max={999} className="field w-18 py-1" aria-label={t.repeat.times(2)} value={draft.count} onChange={(event) => set({ count: Math.max(1, Number(event.target.value) || 1) })} />}
        {draft.until !== null && <input type="date" className="field w-36 py-1" aria-label={t.repeat.until} value={draft.until} onChange={(event) => event.target.value && set({ until: event.target.value })} />}
      </span>
    </Line>
  )
}

function Choices({ draft, set, saying: { t } }: PartGiven) {
  return (
    <>
      <Line name={t.repeat.from}>
        <select className="field py-1" value={draft.repeat_from} onChange={(event) => set({ repeat_from: event.target.value as Recurrence["repeat_from"] })}><option value="due">{t.repeat.fromDue}</option><option value="completion">{t.repeat.fromDone}</option></select>
      </Line>
      <Line name={t.repeat.missed}>
        <select className="field py-1" value={draft.missed} onChange={(event) => set({ missed: event.target.value as Recurrence["missed"] })}>{(["keep_latest", "keep_all", "skip_to_next"] as const).map((one) => <option key={one} value={one}>{t.repeat[one]}</option>)}</select>
      </Line>
    </>
  )
}

/** The next dates as the server would make them. */
function Dates({ task, recurrence, saying }: { task: Task; recurrence: Partial<Recurrence>; saying: Saying }) {
  const { user } = useDesk()
  const due = task.due_on ? { due_on: task.due_on } : { due_at: task.due_at }
  const body = { ...due, timezone: task.timezone ?? user.timezone, recurrence, count: 6 }
  const { data, error } = useQuery({
    queryKey: ["preview", JSON.stringify(body)], placeholderData: keepPreviousData, retry: false,
    queryFn: async ({ signal }) => (await ask<Preview>("POST", "/v1/recurrence/preview", { body, signal })).body,
  })
  if (error) return <p role="alert" className="text-late">{error.message}</p>
  return (
    <div className="border-t border-line pt-3">
      <p className="eyebrow mb-1">{saying.t.repeat.preview}</p>
      <ol className="grid gap-0.5">
        {data?.items.map((one) => (
          <li key={one.local} className="figures">
            {sayLongDate(one.local.slice(0, 10), saying)}{one.local.length > 10 && `, ${sayTime(one.local.slice(11, 16), saying)}`}
            {one.adjusted && <span className="block text-xs text-faint">{sayReason(one.adjusted, saying)}</span>}
          </li>
        ))}
      </ol>
      <p className="mt-1 text-faint">{data && (data.ends && data.items.length < 6 ? saying.t.repeat.endsThere : saying.t.repeat.goesOn)}</p>
    </div>
  )
}

