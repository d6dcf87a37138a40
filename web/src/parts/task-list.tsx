/** A list of any length: only what is in sight is drawn, the cursor is the focus, and keys do what buttons do. */
import { useVirtualizer } from "@tanstack/react-virtual"
import { type RefObject, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react"
import type { Task } from "@/api/shapes"
import { useDesk, useSaying } from "@/data/desk"
import type { List, Marks } from "@/data/list"
import { type Row, rowsOf } from "@/data/rows"
import { type Spec, wordsOf } from "@/data/spec"
import { type Saying, sayDate, sayRest, sayTime } from "@/text/say"
import { type RowGiven, TaskRow } from "./task-row"
import { useListKeys } from "./list-keys"

// The next page is asked for this many rows before its first is needed.
const AHEAD = 25
const HEIGHT = { task: 48, heading: 68, now: 24 }

export type Picked = { ids: ReadonlySet<string>; set: (ids: ReadonlySet<string>) => void }
type Given = { list: List; spec: Spec; scroller: RefObject<HTMLDivElement | null>; picked: Picked; open: string | null; toggle: (task: Task) => void; show: (id: string) => void }

export function TaskList({ list, spec, scroller, picked, open, toggle, show }: Given) {
  const { at, outbox } = useDesk()
  const saying = useSaying()
  const rows = useMemo(() => rowsOf(list.tasks, spec.view, at), [list.tasks, spec.view, at])
  const words = useMemo(() => wordsOf(spec.q), [spec.q])
  const { top, margin } = useMargin(scroller)
  // One function for one list: a new one makes the virtualizer measure every row anew.
  const keyOf = rows.keyAt
  const virtual = useVirtualizer({
    count: rows.length, getScrollElement: () => scroller.current, estimateSize: (n) => HEIGHT[rows.kindAt(n)], overscan: 12,
    getItemKey: keyOf, scrollMargin: margin,
  })
  const shown = virtual.getVirtualItems()
  const last = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (list.ready && list.more && last >= rows.length - AHEAD) list.loadMore()
  }, [last, rows.length, list])
  const select = useSelect(list.tasks, picked)
  const showTask = useCallback((task: Task) => show(task.id), [show])
  useListKeys({ tasks: list.tasks, rows, virtual, select, picked, toggle, show })
  const dated = spec.view === "today" || spec.view === "upcoming"
  return (
    <div ref={top} role="group" aria-label={saying.t.views[spec.view]} aria-busy={!list.ready} className="relative" style={{ height: virtual.getTotalSize() }}>
      {shown.map((item) => {
        const row = rows.at(item.index)
        return (
          <div key={item.key} ref={virtual.measureElement} data-index={item.index} className="absolute inset-x-0 top-0" style={{ transform: `translateY(${item.start - margin}px)` }}>
            <Line row={row} saying={saying} dated={dated} words={words} marks={list.marks} picked={picked} open={open} pendingOf={(id) => outbox.isPending(id)} toggle={toggle} show={showTask} select={select} />
          </div>
        )
      })}
    </div>
  )
}

type LineGiven = Omit<RowGiven, "task" | "pending" | "selected" | "open" | "marks"> & { row: Row; marks: Marks; picked: Picked; open: string | null; pendingOf: (id: string) => boolean }

function Line({ row, marks, picked, open, pendingOf, ...given }: LineGiven) {
  if (row.kind === "task") return <TaskRow {...given} task={row.task} marks={marks.get(row.task.id)} pending={pendingOf(row.task.id)} selected={picked.ids.has(row.task.id)} open={open === row.task.id} />
  if (row.kind === "now") return <NowLine time={row.time} saying={given.saying} />
  return <Heading row={row} saying={given.saying} />
}

function Heading({ row, saying }: { row: Extract<Row, { kind: "heading" }>; saying: Saying }) {
  const name = row.heading === "overdue" ? saying.t.due.overdue : sayDate(row.date, saying)
  const rest = row.heading === "day" && row.date !== saying.at.today ? sayRest(row.date, saying) : ""
  return (
    <h2 className="flex items-baseline gap-3 px-3 pt-7 pb-2 md:pl-24">
      <span className={`display text-lg ${row.heading === "overdue" ? "text-late" : ""}`}>{name}</span>
      {rest && <span className="text-sm text-faint">{rest}</span>}
      <span className="figures ml-auto text-sm text-faint">{row.count}</span>
    </h2>
  )
}

/** The line of now: what stands above has passed. */
function NowLine({ time, saying }: { time: string; saying: Saying }) {
  return (
    <div className="flex h-6 items-center" role="separator" aria-label={`${saying.t.due.now}, ${sayTime(time, saying)}`}>
      <span className="figures w-22 pr-2 text-right text-sm font-semibold text-accent max-md:w-16">{sayTime(time, saying)}</span>
      <svg width="9" height="9" viewBox="0 0 9 9" aria-hidden="true"><circle cx="4.5" cy="4.5" r="3.5" className="fill-accent" /></svg>
      <span className="h-px flex-1 bg-accent" />
    </div>
  )
}

/** How far the list begins below the top of what scrolls. */
function useMargin(scroller: RefObject<HTMLDivElement | null>): { top: RefObject<HTMLDivElement | null>; margin: number } {
  const top = useRef<HTMLDivElement>(null)
  const [margin, setMargin] = useState(0)
  useLayoutEffect(() => {
    const measure = () => {
      if (!top.current || !scroller.current) return
      setMargin(Math.round(top.current.getBoundingClientRect().top - scroller.current.getBoundingClientRect().top + scroller.current.scrollTop))
    }
    measure()
    const watch = new ResizeObserver(measure)
    if (top.current?.parentElement) watch.observe(top.current.parentElement)
    return () => watch.disconnect()
  }, [scroller])
  return { top, margin }
}

/** Selects one more or one less, or everything from the last one on. */
function useSelect(tasks: readonly Task[], picked: Picked): (task: Task, range: boolean) => void {
  const anchor = useRef<string | null>(null)
  const current = useRef({ tasks, picked })
  current.current = { tasks, picked }
  return useCallback((task, range) => {
    const { tasks: all, picked: { ids, set } } = current.current
    const next = new Set(ids)
    const from = all.findIndex((one) => one.id === anchor.current)
    const to = all.findIndex((one) => one.id === task.id)
    if (range && from >= 0) for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(one.id)
    else if (!next.delete(task.id)) next.add(task.id)
    anchor.current = task.id
    set(next)
  }, [])
}
