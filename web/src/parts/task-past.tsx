/** Where a task comes from: its history with who and what, what became of its reminders, and its series. */
import { useQuery } from "@tanstack/react-query"
import { ChevronRight } from "lucide-react"
import { type ReactNode, useState } from "react"
import { get } from "@/api/client"
import type { HistoryItem, Occurrence, Page, Task } from "@/api/shapes"
import { useDesk, useSaying } from "@/data/desk"
import { type Saying, sayDate, sayInstant } from "@/text/say"
import { toLocal } from "@/text/zone"
import { differences } from "@/text/differences"
import { sayValue } from "@/text/value"
import { TaskReminders } from "./delivery-log"

export function TaskPast({ task }: { task: Task }) {
  const { t } = useSaying()
  return (
    <div className="mt-6 grid border-t border-line">
      {task.series_id && <Fold name={t.series.title}><Series id={task.series_id} /></Fold>}
      {task.reminders.length > 0 && <Fold name={t.deliveries.title}><TaskReminders id={task.id} /></Fold>}
      <Fold name={t.history.title}><History task={task} /></Fold>
    </div>
  )
}

/** Asked for only when somebody looks. */
function Fold({ name, children }: { name: string; children: ReactNode }) {
  const [open, setOpen] = useState(false)
  return (
    <section className="border-b border-line">
      <h3><button aria-expanded={open} onClick={() => setOpen(!open)} className="flex min-h-11 w-full items-center gap-2 text-left text-sm font-semibold text-soft hover:text-ink"><ChevronRight size={15} aria-hidden="true" className={`transition-transform ${open ? "rotate-90" : ""}`} />{name}</button></h3>
      {open && <div className="pb-4 pl-6 text-sm">{children}</div>}
    </section>
  )
}

function usePage<T>(key: string, path: string, again: number | false = false): T[] | undefined {
  const { data } = useQuery({ queryKey: ["aside", key, path], queryFn: ({ signal }) => get<Page<T>>(path, signal), staleTime: 0, refetchInterval: again })
  return data?.items
}

// The record is written after the change is told of, so whoever looks at it asks again.
const RECORD_MS = 2000

function History({ task }: { task: Task }) {
  const saying = useSaying()
  const items = usePage<HistoryItem>("history", `/v1/tasks/${task.id}/history?limit=200`, RECORD_MS)
  if (!items) return null
  if (items.length === 0) return <p className="text-faint">{saying.t.history.none}</p>
  return <ol className="grid gap-3">{[...items].reverse().map((item) => <li key={item.command_id + item.at}><Step item={item} saying={saying} /></li>)}</ol>
}

function Step({ item, saying }: { item: HistoryItem; saying: Saying }) {
  const { t } = saying
  const { user } = useDesk()
  const changes = item.action === "updated" ? differences(item.before, item.after, (field, value) => sayValue(field, value, saying)) : []
  return (
    <>
      <p><span className="font-semibold">{t.history.actions[item.action] ?? item.action}</span> <span className="text-faint">{t.history.by(item.actor_id === user.id ? t.history.you : t.history.system)} · {sayInstant(item.at, saying)}</span></p>
      {changes.map(({ field, before, after }) => (
        <p key={field} className="line-clamp-3 text-soft"><span className="text-faint">{t.fields[field as keyof typeof t.fields] ?? field}: </span><del className="decoration-1">{before || t.history.empty}</del> → {after || t.history.empty}</p>
      ))}
    </>
  )
}

function Series({ id }: { id: string }) {
  const saying = useSaying()
  const [planned, setPlanned] = useState(5)
  const items = usePage<Occurrence>("series", `/v1/series/${id}/occurrences?planned=${planned}`)
  if (!items) return null
  return (
    <>
      <ol className="grid gap-1">{items.slice(-(planned + 12)).map((one) => <Once key={one.recurrence_id} one={one} saying={saying} />)}</ol>
      <button className="quiet mt-2 -ml-3" onClick={() => setPlanned(planned + 20)}>{saying.t.series.more}</button>
    </>
  )
}

function Once({ one, saying }: { one: Occurrence; saying: Saying }) {
  const { t, at } = saying
  const date = one.due_on ?? (one.due_at ? toLocal(one.due_at, at.zone).slice(0, 10) : one.recurrence_id.slice(0, 10))
  const moved = !one.recurrence_id.startsWith(date)
  const ended = one.planned ? t.series.planned : one.ended_how ? (t.series.ends[one.ended_how] ?? one.ended_how) : t.series.open
  return (
    <li className={`flex justify-between gap-3 ${one.planned ? "text-faint" : ""}`}>
      <span className="figures">{sayDate(date, saying)}{moved && <span className="text-faint"> · {t.series.ends.moved} ({sayDate(one.recurrence_id.slice(0, 10), saying)})</span>}</span><span className="text-faint">{ended}</span>
    </li>
  )
}
