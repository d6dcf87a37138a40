/** One line that becomes a task: what it understood is marked while typing and said below. */
import { Bell, CalendarDays, CornerDownLeft, Plus, Repeat2 } from "lucide-react"
import { type FormEvent, type ReactNode, memo, useEffect, useMemo, useRef, useState } from "react"
import { useDesk, useSaying } from "@/data/desk"
import { useDoings } from "@/data/doings"
import type { Spec } from "@/data/spec"
import type { Fields } from "@/data/writes"
import { type Saying, sayBefore, sayDate, sayRepeat, sayTime } from "@/text/say"
import { type Understood, understand } from "@/text/understand"
import { toLocal } from "@/text/zone"
import { PriorityBars } from "./task-row"
import { TagDot } from "./tag-dot"

/** What an empty line would still mean here: today's list gives today, a tag's list its tag. */
function withPlace(found: Understood, spec: Spec, today: string): Understood {
  const tags = [...found.tags, ...spec.tags.filter((tag) => !found.tags.some((one) => one.toLowerCase() === tag.toLowerCase()))]
  const dated = found.due_on || found.due_at
  return { ...found, tags, due_on: dated || spec.view !== "today" ? found.due_on : today, priority: found.priority ?? spec.priority ?? undefined }
}

function asFields({ title, tags, due_on, due_at, priority, recurrence, reminders }: Understood): Fields {
  return {
    title,
    ...(tags.length > 0 ? { tags } : {}),
    ...(due_at ? { due_at } : due_on ? { due_on } : {}),
    ...(priority ? { priority } : {}),
    ...(recurrence ? { recurrence } : {}),
    ...(reminders.length > 0 ? { reminders } : {}),
  }
}

export const QuickAdd = memo(function QuickAdd({ spec }: { spec: Spec }) {
  const { at } = useDesk()
  const saying = useSaying()
  const doings = useDoings()
  const [text, setText] = useState("")
  const found = useMemo(() => withPlace(understand(text, at.today, toLocal(at.now, at.zone).slice(11, 16)), spec, at.today), [text, at, spec])
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (!found.title) return
    doings.create(asFields(found))
    setText("")
  }
  return (
    <form onSubmit={submit} className="relative">
      <Line text={text} setText={setText} found={found} />
      {text.trim() !== "" && <Meaning found={found} saying={saying} />}
    </form>
  )
})

function Line({ text, setText, found }: { text: string; setText: (text: string) => void; found: Understood }) {
  const { t } = useSaying()
  const backdrop = useRef<HTMLDivElement>(null)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (backdrop.current && input.current) backdrop.current.scrollLeft = input.current.scrollLeft
  }, [text])
  return (
    <div className="group grid items-center rounded-xl border border-line bg-raised transition-colors focus-within:border-accent">
      <Plus size={20} aria-hidden="true" className="pointer-events-none z-1 col-start-1 row-start-1 ml-4 text-accent" />
      <div ref={backdrop} aria-hidden="true" className="col-start-1 row-start-1 my-3.5 mr-24 ml-12 overflow-hidden text-lg leading-7 whitespace-pre text-transparent">{marks(text, found)}</div>
      <input ref={input} id="quick-add" value={text} maxLength={2000} autoComplete="off" enterKeyHint="done" dir="auto" aria-label={t.add.label} aria-describedby="quick-add-hint" placeholder={t.add.placeholder} onChange={(event) => setText(event.target.value)} onScroll={(event) => backdrop.current && (backdrop.current.scrollLeft = event.currentTarget.scrollLeft)} onKeyDown={(event) => event.key === "Escape" && (text ? setText("") : event.currentTarget.blur())} className="z-1 col-start-1 row-start-1 w-full bg-transparent py-3.5 pr-24 pl-12 text-lg leading-7 outline-none" />
      {text.trim() !== "" && <button className="primary z-2 col-start-1 row-start-1 mr-2.5 justify-self-end"><span>{t.add.add}</span><CornerDownLeft size={15} aria-hidden="true" className="max-md:hidden" /></button>}
    </div>
  )
}

function marks(text: string, found: Understood): ReactNode[] {
  const pieces: ReactNode[] = []
  let at = 0
  for (const span of found.spans) {
    pieces.push(text.slice(at, span.start), <mark key={span.start} className="rounded bg-tint py-0.5 text-transparent">{text.slice(span.start, span.end)}</mark>)
    at = span.end
  }
  return [...pieces, text.slice(at)]
}

function Meaning({ found, saying }: { found: Understood; saying: Saying }) {
  const { t } = saying
  const due = found.due_at ?? found.due_on
  return (
    <div id="quick-add-hint" role="status" className="appear flex min-h-9 flex-wrap items-center gap-x-4 gap-y-1 px-4 pt-2 text-sm text-soft">
      {!found.title && <span className="text-late">{t.add.noTitle}</span>}
      {due && <Piece icon={<CalendarDays size={15} />}>{sayDate(due.slice(0, 10), saying)}{due.length > 10 && ` ${sayTime(due.slice(11), saying)}`}</Piece>}
      {found.recurrence && <Piece icon={<Repeat2 size={15} />}>{sayRepeat(found.recurrence, saying)}</Piece>}
      {found.reminders.map((one) => <Piece key={one.before} icon={<Bell size={15} />}>{sayBefore(one.before, saying)}</Piece>)}
      {found.priority && <Piece icon={<PriorityBars priority={found.priority} />}>{t.priority[found.priority]}</Piece>}
      {found.tags.map((tag) => <Piece key={tag} icon={<TagDot tag={tag} />}>{tag}</Piece>)}
      {!due && found.tags.length === 0 && !found.priority && found.title && <span className="text-faint max-md:hidden">{t.add.hint}</span>}
    </div>
  )
}

function Piece({ icon, children }: { icon: ReactNode; children: ReactNode }) {
  return <span className="flex items-center gap-1.5"><span aria-hidden="true" className="text-accent">{icon}</span>{children}</span>
}
