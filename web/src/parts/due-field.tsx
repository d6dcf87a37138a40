/** When a task is due: a date by calendar or word, and a time of day or none. */
import * as Popover from "@radix-ui/react-popover"
import { ChevronLeft, ChevronRight, X } from "lucide-react"
import type { ReactNode } from "react"
import { DayPicker } from "react-day-picker"
import { type Task } from "@/api/shapes"
import { useDesk, useSaying } from "@/data/desk"
import { dueDate, dueTime, isOverdue } from "@/data/spec"
import { dueChange, fixChange, floatChange, startChange } from "@/data/times"
import type { Fields } from "@/data/writes"
import { type Saying, sayDate, sayDue, sayTime, sayWeekday } from "@/text/say"
import { addDays, weekday } from "@/text/zone"
import { ZoneField } from "./zone-field"

const NO_DUE: Fields = { due_on: null, due_at: null, timezone: null }

export function DueField({ task, change }: Given) {
  const saying = useSaying()
  const { user } = useDesk()
  const set = (day: string, clock: string | null) => change(dueChange(task, day, clock, user.timezone))
  // Whose clock: the one of the zone, or the person's wherever they are.
  const float = () => change(task.floating ? fixChange(task, user.timezone) : floatChange(task, user.timezone))
  const { t } = saying
  return (
    <TimeField task={task} name={t.fields.due_at} at={task.due_at} on={task.due_on} none={t.due.pick} timed note={sayClock(task, user.timezone, saying)} late={isOverdue(task, saying.at)} set={set} clear={() => change(task.recurrence ? { ...NO_DUE, recurrence: null } : NO_DUE)}>
      {task.due_at && <label className="mt-3 flex items-center gap-2.5 text-sm text-soft"><input type="checkbox" className="size-4 accent-accent" checked={Boolean(task.floating)} onChange={float} />{t.due.floating}</label>}
      {task.due_at && !task.floating && <label className="mt-2 grid gap-1 text-sm text-soft">{t.fields.timezone}<ZoneField zone={task.timezone ?? user.timezone} save={(zone) => change(fixChange(task, zone))} /></label>}
    </TimeField>
  )
}

/** Whose clock a time is on; where it is another zone's, with the time there. */
function sayClock(task: Task, own: string, saying: Saying): string | undefined {
  if (!task.due_at) return undefined
  if (task.floating) return saying.t.due.floats
  const zone = task.timezone ?? own
  const there = zone === own ? "" : `${sayTime(dueTime(task, zone)!, saying)} `
  return there + saying.t.due.zone(zone)
}

/** From when a task can be begun. */
export function StartField({ task, change }: Given) {
  const { t } = useSaying()
  const { user } = useDesk()
  const set = (day: string, clock: string | null) => change(startChange(task, day, clock, user.timezone))
  return <TimeField task={task} name={t.fields.start_at} at={task.start_at ?? null} on={task.start_on ?? null} none={t.due.noStart} late={false} timed={!task.due_on} set={set} clear={() => change({ start_at: null, start_on: null })} />
}

type Given = { task: Task; change: (changes: Fields) => void }
type TimeGiven = { task: Task; name: string; at: string | null; on: string | null; none: string; late: boolean; timed: boolean; /** Whose clock it is. */ note?: string; set: (day: string, clock: string | null) => void; clear: () => void; children?: ReactNode }

function TimeField({ task, name, at, on, none, late, timed, note, set, clear, children }: TimeGiven) {
  const saying = useSaying()
  const { user } = useDesk()
  const zone = task.timezone ?? user.timezone
  const when = { ...task, due_at: at, due_on: on }
  const date = dueDate(when, zone)
  const time = dueTime(when, zone)
  return (
    <div className="flex items-center">
      <Popover.Root>
        <Popover.Trigger className={`min-h-9 rounded-md px-2 text-left text-base hover:bg-hover max-md:min-h-11 ${date ? (late ? "text-late" : "") : "text-faint"}`}>{date ? sayDue(when, saying) : none}{note && <span className="block text-xs text-faint">{note}</span>}</Popover.Trigger>
        <Popover.Portal>
          <Popover.Content aria-label={name} align="start" sideOffset={4} collisionPadding={12} className="floating appear w-76 p-3">
            <Presets saying={saying} pick={(day) => set(day, time)} />
            <Calendar saying={saying} date={date} pick={(day) => set(day, time)} />
            {timed && <label className="mt-2 flex items-center gap-3 border-t border-line pt-3 text-sm text-soft">{saying.t.due.time}
              <input type="time" className="field w-32 py-1" value={time ?? ""} onChange={(event) => date && set(date, event.target.value || null)} disabled={!date} />
            </label>}
            {children}
          </Popover.Content>
        </Popover.Portal>
      </Popover.Root>
      {date && <button className="icon-button" aria-label={`${saying.t.due.clear}: ${name}`} onClick={clear}><X size={15} /></button>}
    </div>
  )
}

function Presets({ saying: { t, at }, pick }: { saying: Saying; pick: (day: string) => void }) {
  const days: [string, string][] = [
    [t.due.today, at.today], [t.due.tomorrow, addDays(at.today, 1)],
    [t.due.weekend, addDays(at.today, (5 - weekday(at.today) + 7) % 7)], [t.due.nextWeek, addDays(at.today, 7 - weekday(at.today))],
  ]
  return <div className="mb-2 grid grid-cols-2 gap-1">{days.map(([name, day]) => <button key={name} className="quiet justify-start" onClick={() => pick(day)}>{name}</button>)}</div>
}

// The picker thinks in the browser's zone; a date at noon is the same date everywhere.
const asDay = (date: string) => new Date(`${date}T12:00`)
const asDate = (day: Date) => `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`

const LOOKS = {
  months: "relative", month_caption: "flex h-9 items-center px-2 text-sm font-semibold", nav: "absolute top-0 right-0 z-1 flex",
  button_previous: "icon-button", button_next: "icon-button", month_grid: "w-full border-collapse", weekday: "h-8 text-xs font-normal text-faint",
  day: "p-0 text-center", day_button: "figures size-9 rounded-md text-sm hover:bg-hover", today: "font-bold text-accent",
  selected: "[&>button]:bg-accent [&>button]:text-on-accent", outside: "text-faint",
}

export function Calendar({ saying, date, pick }: { saying: Saying; date: string | null; pick: (day: string) => void }) {
  const { locale, at } = saying
  const caption = new Intl.DateTimeFormat(locale, { month: "long", year: "numeric" })
  return (
    <DayPicker
      mode="single" weekStartsOn={1} showOutsideDays fixedWeeks classNames={LOOKS} today={asDay(at.today)}
      defaultMonth={asDay(date ?? at.today)} selected={date ? asDay(date) : undefined} onSelect={(day) => day && pick(asDate(day))}
      formatters={{ formatCaption: (month) => caption.format(month), formatWeekdayName: (day) => sayWeekday((day.getDay() + 6) % 7, locale, "narrow") }}
      labels={{ labelDayButton: (day) => sayDate(asDate(day), { ...saying, at: { ...at, today: "0001-01-01" } }), labelNext: () => saying.t.calendar.next, labelPrevious: () => saying.t.calendar.previous }}
      components={{ Chevron: ({ orientation }) => (orientation === "left" ? <ChevronLeft size={17} /> : <ChevronRight size={17} />) }}
    />
  )
}
