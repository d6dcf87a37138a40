/** One task in a list: its time, its tick, its title, and what else is worth a glance. */
import { Bell, Repeat2, StickyNote } from "lucide-react"
import { type MouseEvent, memo } from "react"
import type { Highlight, Range, Task } from "@/api/shapes"
import { dueTime, isOverdue } from "@/data/spec"
import { type Saying, sayDate, sayDue, sayTime } from "@/text/say"
import { dueDate } from "@/data/spec"
import { Highlighted, cutAt, piecesOf } from "./highlighted"
import { TagDot } from "./tag-dot"

export type RowGiven = {
  task: Task
  saying: Saying
  /** Whether the row stands under its day, so that a time says enough. */
  dated: boolean
  words: readonly string[]
  /** What the server found, where it answered already. */
  marks: (Highlight & { version: number }) | undefined
  pending: boolean
  selected: boolean
  open: boolean
  toggle: (task: Task) => void
  show: (task: Task) => void
  select: (task: Task, range: boolean) => void
}

export const TaskRow = memo(function TaskRow(given: RowGiven) {
  const { task, saying, selected, open, toggle, show, select } = given
  const click = (event: MouseEvent) => {
    if (event.shiftKey || event.ctrlKey || event.metaKey) select(task, event.shiftKey)
    else show(task)
  }
  return (
    <div data-task={task.id} data-pending={given.pending || undefined} onClick={click} className={`group flex min-h-12 items-start gap-1 rounded-lg pr-3 transition-colors ${selected ? "bg-tint" : open ? "bg-hover" : "hover:bg-hover"}`}>
      <Lead {...given} />
      <Tick task={task} toggle={toggle} t={saying.t} />
      <div className="min-w-0 flex-1 py-2.75">
        <button className={`block w-full text-left leading-6 outline-offset-4 ${task.status === "open" ? "" : "text-faint line-through decoration-1"}`} dir="auto" data-title aria-label={saying.t.task.open(task.title)}>
          <span className="line-clamp-2"><Found text={task.title} words={given.words} ranges={marksFor(given)?.title} /></span>
        </button>
        <UnderTitle {...given} />
      </div>
      <Beside {...given} />
    </div>
  )
})

/** What was found in an older version of the task may stand elsewhere now. */
function marksFor({ task, marks }: RowGiven): Highlight | undefined {
  return marks?.version === task.version ? marks : undefined
}

function Found({ text, words, ranges }: { text: string; words: readonly string[]; ranges: readonly Range[] | undefined }) {
  return <Highlighted pieces={ranges ? cutAt(text, ranges) : piecesOf(text, words)} />
}

/** When, where a heading names the day: the time, or the date of what is late from another one. */
function sayUnderDay(task: Task, saying: Saying): string {
  const time = dueTime(task, saying.at.zone)
  const date = dueDate(task, saying.at.zone)
  if (date && date < saying.at.today && task.status === "open") return sayDate(date, saying)
  return time ? sayTime(time, saying) : ""
}

/** A time of day where the day is known; on hover the box that selects. */
function Lead({ task, saying, dated, selected, select }: RowGiven) {
  const late = isOverdue(task, saying.at)
  const words = dated ? sayUnderDay(task, saying) : ""
  return (
    <div className={`relative hidden shrink-0 self-stretch md:block ${dated ? "w-22" : "w-9"}`}>
      <span className={`figures block py-3 pr-2 text-right text-sm leading-6 group-hover:opacity-0 ${selected ? "opacity-0" : ""} ${late ? "text-late" : "text-faint"}`}>{words}</span>
      <label className={`absolute top-0 right-0 grid size-12 place-items-center ${selected ? "" : "opacity-0 group-hover:opacity-100 focus-within:opacity-100"}`} onClick={(event) => event.stopPropagation()}>
        <input type="checkbox" tabIndex={-1} className="size-4 accent-accent" checked={selected} aria-label={saying.t.task.select(task.title)} onChange={(event) => select(task, (event.nativeEvent as unknown as MouseEvent).shiftKey)} />
      </label>
    </div>
  )
}

export function Tick({ task, toggle, t }: { task: Task; toggle: (task: Task) => void; t: Saying["t"] }) {
  const done = task.status !== "open"
  const press = (event: MouseEvent) => {
    event.stopPropagation()
    toggle(task)
  }
  return (
    <button role="checkbox" aria-checked={done} aria-label={done ? t.task.reopen(task.title) : t.task.complete(task.title)} onClick={press} className="group/tick grid size-12 shrink-0 place-items-center rounded-lg outline-offset-[-6px]">
      <svg width="22" height="22" viewBox="0 0 22 22" fill="none" aria-hidden="true">
        <circle cx="11" cy="11" r="9" strokeWidth={task.priority === "high" && !done ? 2.5 : 1.5} className={done ? "fill-accent stroke-accent" : task.priority === "high" ? "stroke-accent group-hover/tick:fill-tint" : "stroke-faint group-hover/tick:fill-tint group-hover/tick:stroke-accent"} />
        <path d="m7 11.2 2.8 2.8 5.4-6" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" className={done ? "draw stroke-on-accent" : "stroke-accent opacity-0 group-hover/tick:opacity-100"} />
      </svg>
    </button>
  )
}

/** On a phone, and for notes: what does not fit beside. */
function UnderTitle(given: RowGiven) {
  const { task, saying, dated, words } = given
  const due = dated ? sayUnderDay(task, saying) : task.due_on || task.due_at ? sayDue(task, saying) : ""
  const found = marksFor(given)
  const note = found ? found.notes?.text : words.length > 0 ? excerpt(task.notes, words) : ""
  if (!due && task.tags.length === 0 && !note) return null
  return (
    <div className={`text-sm leading-5 text-faint ${note ? "" : "md:hidden"}`}>
      <span className="flex flex-wrap gap-x-3 md:hidden">
        {due && <span className={`figures ${isOverdue(task, saying.at) ? "text-late" : ""}`}>{due}</span>}
        {task.tags.map((tag) => <span key={tag}>#{tag}</span>)}
      </span>
      {note && <span className="line-clamp-1"><Found text={note} words={words} ranges={found?.notes?.ranges} /></span>}
    </div>
  )
}

/** The notes around the first word that was searched. */
function excerpt(notes: string, words: readonly string[]): string {
  const at = Math.min(...words.map((word) => notes.toLowerCase().indexOf(word)).filter((n) => n >= 0))
  return Number.isFinite(at) ? `${at > 30 ? "…" : ""}${notes.slice(Math.max(0, at - 30), at + 160)}` : ""
}

function Beside({ task, saying, dated, pending }: RowGiven) {
  const { t } = saying
  return (
    <div className="flex min-h-12 shrink-0 items-center gap-3 text-sm text-faint">
      {pending && <svg width="8" height="8" viewBox="0 0 8 8" role="img" aria-label={t.task.pending} className="breathe"><circle cx="4" cy="4" r="3" className="fill-faint" /></svg>}
      <span className="hidden items-center gap-3 md:flex">
        {task.tags.slice(0, 3).map((tag) => <span key={tag} className="flex items-center gap-0.5"><TagDot tag={tag} /><span className="max-w-28 truncate">{tag}</span></span>)}
        {task.tags.length > 3 && <span>+{task.tags.length - 3}</span>}
      </span>
      {task.notes && <StickyNote size={15} strokeWidth={1.75} aria-label={t.task.notes} className="max-md:hidden" />}
      {task.reminders.length > 0 && <Bell size={15} strokeWidth={1.75} aria-label={t.task.reminds} />}
      {task.recurrence && <Repeat2 size={15} strokeWidth={1.75} aria-label={t.task.repeats} />}
      <PriorityBars priority={task.priority} label={`${t.fields.priority}: ${t.priority[task.priority]}`} />
      {!dated && (task.due_on || task.due_at) && <span className={`figures hidden w-28 truncate text-right md:block ${isOverdue(task, saying.at) ? "text-late" : ""}`}>{sayDue(task, saying)}</span>}
    </div>
  )
}

const LEVEL = { high: 3, medium: 2, low: 1, none: 0 }

export function PriorityBars({ priority, label }: { priority: Task["priority"]; label?: string }) {
  const level = LEVEL[priority]
  if (level === 0 && label) return null
  return (
    <svg width="14" height="14" viewBox="0 0 14 14" role={label ? "img" : undefined} aria-label={label} aria-hidden={!label}>
      {[0, 1, 2].map((n) => <rect key={n} x={n * 5} y={9 - n * 4} width="3" height={5 + n * 4} rx="1" className={n < level ? "fill-soft" : "fill-line"} />)}
    </svg>
  )
}
