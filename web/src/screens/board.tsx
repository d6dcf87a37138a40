/** The board: columns by status or priority; a card dragged into another column becomes what the column says. */
import { useDroppable } from "@dnd-kit/core"
import dynamic from "next/dynamic"
import Head from "next/head"
import { useState } from "react"
import type { Priority, Task } from "@/api/shapes"
import { useSaying } from "@/data/desk"
import { useDoings } from "@/data/doings"
import { useList } from "@/data/list"
import { PLAIN, usePlace } from "@/data/place"
import type { Spec } from "@/data/spec"
import type { Saying } from "@/text/say"
import { Card, Dragging } from "./calendar"

const Details = dynamic(() => import("@/parts/details"))

type By = "priority" | "status"
const COLUMNS = { priority: ["high", "medium", "low", "none"], status: ["open", "done", "cancelled"] } as const

export function Board() {
  const saying = useSaying()
  const { t } = saying
  const { open, openTask } = usePlace()
  const doings = useDoings()
  const [by, setBy] = useState<By>("priority")
  const drop = (task: Task, column: string) => {
    if (by === "priority" && task.priority !== column) doings.change(task, { priority: column as Priority }, { said: t.done.changed })
    if (by === "status" && task.status !== column) doings.act([task], column === "open" ? "reopen" : column === "done" ? "complete" : "cancel")
  }
  return (
    <>
      <main id="main" tabIndex={-1} className="flex min-w-0 flex-1 flex-col overflow-y-auto px-4 pt-6 pb-6 outline-none md:px-10 md:pt-13">
        <Head><title>{`${t.nav.board} · TaskFlow`}</title></Head>
        <header className="flex flex-wrap items-end justify-between gap-4 pb-6">
          <h1 className="display text-4xl leading-none">{t.nav.board}</h1>
          <div className="flex gap-1 rounded-lg border border-line p-1">
            {(["priority", "status"] as const).map((one) => <button key={one} aria-pressed={by === one} onClick={() => setBy(one)} className={`min-h-8 rounded-md px-3 text-sm max-md:min-h-11 ${by === one ? "bg-tint font-semibold" : "text-soft hover:bg-hover"}`}>{one === "priority" ? t.board.byPriority : t.board.byStatus}</button>)}
          </div>
        </header>
        <Dragging saying={saying} drop={drop}>
          <div className="grid flex-1 auto-cols-[minmax(13rem,1fr)] grid-flow-col gap-4 overflow-x-auto" tabIndex={0} role="group" aria-label={t.nav.board}>
            {COLUMNS[by].map((column) => <Column key={by + column} column={column} by={by} saying={saying} show={openTask} />)}
          </div>
        </Dragging>
      </main>
      {open && <Details key={open} id={open} close={() => openTask(null)} />}
    </>
  )
}

const SPECS: Record<string, Spec> = Object.fromEntries([
  ...COLUMNS.priority.map((priority) => [priority, { ...PLAIN, view: "all", status: "open", priority, sort: "due_at" }]),
  ...COLUMNS.status.map((status) => [status, { ...PLAIN, view: "all", status, sort: status === "open" ? "due_at" : "-updated_at" }]),
])

function Column({ column, by, saying, show }: { column: string; by: By; saying: Saying; show: (id: string) => void }) {
  const { t } = saying
  const { setNodeRef, isOver } = useDroppable({ id: column })
  const list = useList(SPECS[column]!)
  const name = by === "priority" ? t.priority[column as Priority] : t.status[column as Task["status"]]
  return (
    <section ref={setNodeRef} aria-label={name} className={`flex min-h-60 flex-col rounded-xl border border-line p-2.5 transition-colors ${isOver ? "bg-tint" : "bg-hover/50"}`}>
      <h2 className="flex justify-between px-1.5 pb-2.5"><span className="display text-lg">{name}</span><span className="figures text-sm text-faint">{list.tasks.length}{list.more && "+"}</span></h2>
      {list.ready && list.tasks.length === 0 && <p className="px-1.5 text-sm text-faint">{t.board.empty}</p>}
      <ul className="grid gap-1.5">{list.tasks.slice(0, 200).map((task) => <li key={task.id}><Card task={task} saying={saying} show={show} tall /></li>)}</ul>
    </section>
  )
}
