/** Week and month: tasks on their days, dragged to another one; by keyboard a task is opened and moved by its date. */
import { DndContext, type DragEndEvent, KeyboardSensor, PointerSensor, useDraggable, useDroppable, useSensor, useSensors } from "@dnd-kit/core"
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query"
import { ChevronLeft, ChevronRight } from "lucide-react"
import dynamic from "next/dynamic"
import { type ReactNode, useEffect, useMemo, useState } from "react"
import { get } from "@/api/client"
import type { Page, Task } from "@/api/shapes"
import { useClock, useDesk, useSaying } from "@/data/desk"
import { useDoings } from "@/data/doings"
import { usePlace } from "@/data/place"
import { dueDate, dueTime, isOverdue } from "@/data/spec"
import { dueChange } from "@/data/times"
import { Tick } from "@/parts/task-row"
import { hueOf } from "@/data/tags"
import { type Saying, sayDate, sayTime, sayWeekday } from "@/text/say"
import { addDays, addMonths, toInstant, weekday } from "@/text/zone"
import Head from "next/head"

const Details = dynamic(() => import("@/parts/details"))

const monday = (date: string) => addDays(date, -weekday(date))

export function Week() {
  const { at } = useDesk()
  const [start, setStart] = useState(monday(at.today))
  const days = Array.from({ length: 7 }, (_, n) => addDays(start, n))
  return <Calendar title="week" days={days} step={(n) => setStart(n === 0 ? monday(at.today) : addDays(start, n * 7))} most={40} />
}

export function Month() {
  const { at } = useDesk()
  const [first, setFirst] = useState(addMonths(at.today, 0, 1))
  const start = monday(first)
  const days = Array.from({ length: 42 }, (_, n) => addDays(start, n))
  return <Calendar title="month" days={days} month={first.slice(0, 7)} step={(n) => setFirst(addMonths(n === 0 ? at.today : first, n, 1))} most={4} />
}

type Given = { title: "week" | "month"; days: string[]; month?: string; step: (n: number) => void; most: number }

function Calendar({ title, days, month, step, most }: Given) {
  const saying = useSaying()
  const { t, locale } = saying
  const { open, openTask } = usePlace()
  const byDay = useDays(days)
  const middle = new Date(`${month ? `${month}-15` : days[3]}T12:00Z`)
  const heading = new Intl.DateTimeFormat(locale, { timeZone: "UTC", month: "long", year: "numeric" }).format(middle)
  return (
    <>
      <main id="main" tabIndex={-1} className="flex min-w-0 flex-1 flex-col overflow-y-auto px-4 pt-6 pb-6 outline-none md:px-10 md:pt-13">
        <Head><title>{`${t.nav[title]} · TaskFlow`}</title></Head>
        <header className="flex items-center gap-1 pb-6 md:items-end">
          <h1 className="display flex-1 text-xl leading-none md:text-4xl">{heading}</h1>
          <button className="icon-button" aria-label={t.calendar.previous} onClick={() => step(-1)}><ChevronLeft size={19} /></button>
          <button className="quiet" onClick={() => step(0)}>{title === "week" ? t.calendar.thisWeek : t.calendar.thisMonth}</button>
          <button className="icon-button" aria-label={t.calendar.next} onClick={() => step(1)}><ChevronRight size={19} /></button>
        </header>
        <Dragging saying={saying}>
          <div role="group" aria-label={heading} className={`grid gap-px overflow-hidden rounded-xl border border-line bg-line md:flex-1 md:grid-cols-7 ${title === "week" ? "max-md:flex-1" : "shrink-0 md:auto-rows-[minmax(min-content,1fr)]"}`}>
            {days.map((day, n) => <Day key={day} day={day} named={n < 7} faded={Boolean(month && !day.startsWith(month))} tall={title === "week"} tasks={byDay.get(day) ?? []} saying={saying} show={openTask} most={most} />)}
          </div>
        </Dragging>
      </main>
      {open && <Details key={open} id={open} close={() => openTask(null)} />}
    </>
  )
}

/** The tasks of these days, by day. */
function useDays(days: string[]): Map<string, Task[]> {
  const { known, outbox, at } = useDesk()
  const clock = useClock()
  const from = toInstant(addDays(days[0]!, -1), at.zone).toISOString()
  const to = toInstant(addDays(days.at(-1)!, 2), at.zone).toISOString()
  const query = new URLSearchParams({ due_after: from, due_before: to, sort: "due_at", limit: "500" }).toString()
  const { data, hasNextPage, fetchNextPage } = useInfiniteQuery({
    queryKey: ["tasks", "days", query], placeholderData: keepPreviousData, structuralSharing: false,
    queryFn: async ({ pageParam, signal }): Promise<{ ids: string[]; cursor: string | null }> => {
      const page = await get<Page<Task>>(`/v1/tasks?${query}${pageParam && `&cursor=${encodeURIComponent(pageParam)}`}`, signal)
      known.learn(page.items)
      return { ids: page.items.map((task) => task.id), cursor: page.next_cursor }
    },
    initialPageParam: "", getNextPageParam: (last) => last.cursor,
  })
  useEffect(() => {
    if (hasNextPage && (data?.pages.length ?? 0) < 10) void fetchNextPage()
  }, [hasNextPage, fetchNextPage, data])
  return useMemo(() => {
    void clock
    const ids = new Set([...(data?.pages.flatMap((page) => page.ids) ?? []), ...known.touchedSince(0), ...outbox.entries.flatMap((entry) => entry.operations.map((one) => one.id))])
    return groupByDay([...ids].flatMap((id) => outbox.show(id) ?? []), at.zone)
  }, [data, clock, known, outbox, at.zone])
}

function groupByDay(tasks: Task[], zone: string): Map<string, Task[]> {
  const days = new Map<string, Task[]>()
  for (const task of tasks) {
    const day = task.status === "cancelled" ? null : dueDate(task, zone)
    if (day) days.set(day, [...(days.get(day) ?? []), task])
  }
  for (const all of days.values()) all.sort((one, other) => (dueTime(one, zone) ?? "").localeCompare(dueTime(other, zone) ?? ""))
  return days
}

export function Dragging({ saying, children, drop }: { saying: Saying; children: ReactNode; drop?: (task: Task, place: string) => void }) {
  const doings = useDoings()
  const { user } = useDesk()
  const sensors = useSensors(useSensor(PointerSensor, { activationConstraint: { distance: 6 } }), useSensor(KeyboardSensor))
  const end = ({ active, over }: DragEndEvent) => {
    const task = active.data.current as Task | undefined
    if (!task || !over) return
    if (drop) return drop(task, String(over.id))
    const day = String(over.id)
    if (day === dueDate(task, saying.at.zone)) return
    const time = dueTime(task, task.timezone ?? user.timezone)
    doings.change(task, dueChange(task, day, time, user.timezone), { said: saying.t.calendar.drop(task.title.slice(0, 60), sayDate(day, saying)) })
  }
  return <DndContext sensors={sensors} onDragEnd={end}>{children}</DndContext>
}

type DayGiven = { day: string; named: boolean; faded: boolean; tall: boolean; tasks: Task[]; saying: Saying; show: (id: string) => void; most: number }

function Day({ day, named, faded, tall, tasks, saying, show, most }: DayGiven) {
  const { setNodeRef, isOver } = useDroppable({ id: day })
  const [all, setAll] = useState(false)
  const today = day === saying.at.today
  const shown = all ? tasks : tasks.slice(0, most)
  return (
    <section ref={setNodeRef} aria-label={sayDate(day, saying)} className={`min-w-0 p-2 transition-colors ${isOver ? "bg-tint" : "bg-paper"} ${tall ? "md:min-h-100" : "md:min-h-27"} ${faded || (!tall && tasks.length === 0 && !today) ? "max-md:hidden" : ""}`}>
      <h2 className={`flex items-baseline gap-1.5 px-1 pb-1 text-sm ${faded ? "text-faint" : "text-soft"}`}>
        <span className={`figures ${faded ? "font-normal" : "font-semibold"} ${today ? "grid size-6 place-items-center rounded-full bg-accent text-on-accent" : ""}`}>{Number(day.slice(8))}</span>
        <span className={`text-xs ${named ? "" : "md:sr-only"}`}>{sayWeekday(weekday(day), saying.locale, "short")}</span>
      </h2>
      <ul className="grid gap-0.5">{shown.map((task) => <li key={task.id}><Card task={task} saying={saying} show={show} tall={tall} /></li>)}</ul>
      {tasks.length > shown.length && <button className="quiet min-h-7 w-full justify-start px-1.5 text-xs" onClick={() => setAll(true)}>{saying.t.calendar.more(tasks.length - shown.length)}</button>}
    </section>
  )
}

export function Card({ task, saying, show, tall }: { task: Task; saying: Saying; show: (id: string) => void; tall: boolean }) {
  const { attributes, listeners, setNodeRef, transform, isDragging } = useDraggable({ id: task.id, data: task })
  const time = dueTime(task, saying.at.zone)
  const tag = task.tags[0]
  const doings = useDoings()
  return (
    <div ref={setNodeRef} {...listeners} style={transform ? { transform: `translate(${transform.x}px, ${transform.y}px)` } : undefined} className={`group flex items-start rounded-md text-sm ${tall ? "bg-raised py-0.5 pr-1.5" : "px-1.5 py-0.5"} ${isDragging ? "relative z-30 cursor-grabbing bg-raised shadow-lg" : "hover:bg-hover"}`}>
      {tall && <span className="-my-2 -ml-1.5 shrink-0 scale-75"><Tick task={task} toggle={doings.toggle} t={saying.t} /></span>}
      <button {...attributes} role={undefined} aria-roledescription={undefined} onClick={() => show(task.id)} className={`min-w-0 flex-1 text-left ${tall ? "-ml-1.5 line-clamp-4 py-1" : "line-clamp-1"} ${task.status === "open" ? "" : "text-faint line-through"}`}>
        {time && <span className={`figures mr-1.5 text-xs ${isOverdue(task, saying.at) ? "text-late" : "text-faint"}`}>{sayTime(time, saying)}</span>}
        {tag && <svg width="7" height="7" viewBox="0 0 7 7" className="mr-1 inline" aria-hidden="true"><circle cx="3.5" cy="3.5" r="3" fill={`oklch(0.64 0.12 ${hueOf(tag)})`} /></svg>}
        <span dir="auto">{task.title}</span>
      </button>
    </div>
  )
}
