/** The page's heart: a list with its heading, the line that adds, search, and the details of the open task beside it. */
import dynamic from "next/dynamic"
import Head from "next/head"
import { memo, useCallback, useEffect, useMemo, useRef, useState } from "react"
import { Refusal } from "@/api/client"
import { useDesk, useSaying } from "@/data/desk"
import { useDoings } from "@/data/doings"
import { useKeys } from "@/data/keys"
import { type List, useList } from "@/data/list"
import { usePlace } from "@/data/place"
import { type Spec, isNarrowed } from "@/data/spec"
import { Empty } from "@/parts/empty"
import { Failed } from "@/parts/failed"
import { QuickAdd } from "@/parts/quick-add"
import { TaskList } from "@/parts/task-list"
import { Toolbar } from "@/parts/toolbar"
import { sayLongDate } from "@/text/say"

const Details = dynamic(() => import("@/parts/details"))
const BulkBar = dynamic(() => import("@/parts/bulk-bar").then((found) => found.BulkBar))

export function Tasks() {
  const { spec, open, openTask } = usePlace()
  const list = useList(spec)
  const doings = useDoings()
  const scroller = useRef<HTMLDivElement>(null)
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set())
  const clear = useCallback(() => setIds(new Set()), [])
  const picked = useMemo(() => ({ ids, set: setIds }), [ids])
  const selected = useMemo(() => (ids.size > 0 ? list.tasks.filter((task) => ids.has(task.id)) : []), [list.tasks, ids])
  useEffect(clear, [spec.view, clear])
  useKeys({
    Escape: () => (ids.size > 0 ? clear() : open && openTask(null)),
    n: () => document.getElementById("quick-add")?.focus(),
    "/": () => document.getElementById("search")?.focus(),
  })
  return (
    <>
      <main id="main" ref={scroller} tabIndex={-1} className="min-w-0 flex-1 overflow-y-auto outline-none">
        <div className="mx-auto max-w-4xl px-3 pt-6 pb-40 md:px-10 md:pt-13">
          <Title spec={spec} list={list} />
          <div className="grid gap-3 pt-6 pb-2">
            {spec.view !== "done" && <QuickAdd spec={spec} />}
            <Toolbar refusal={list.refusal instanceof Refusal ? list.refusal : null} />
          </div>
          <Body list={list} spec={spec}>
            <TaskList list={list} spec={spec} scroller={scroller} picked={picked} open={open} toggle={doings.toggle} show={openTask} />
          </Body>
        </div>
      </main>
      {open && <Details key={open} id={open} close={() => openTask(null)} />}
      {selected.length > 0 && <BulkBar tasks={selected} clear={clear} />}
    </>
  )
}

function Title({ spec, list }: { spec: Spec; list: List }) {
  const saying = useSaying()
  // A number that flickers with every key tells nothing: the last answer's stays until the next.
  const count = useRef("")
  if (list.ready) count.current = list.tasks.length > 0 ? saying.t.search.shown(list.tasks.length, list.more) : ""
  const name = spec.view === "all" && spec.tags.length === 1 ? `#${spec.tags[0]}` : saying.t.views[spec.view]
  return (
    <header className="px-1 md:px-3">
      <PageTitle name={name} />
      <h1 className="display text-4xl leading-none" dir="auto">{name}</h1>
      <p className="mt-2.5 min-h-6 text-soft">{spec.view === "today" ? sayLongDate(saying.at.today, saying) : count.current}</p>
    </header>
  )
}

/** Apart, because the head is written anew whenever it is drawn. */
const PageTitle = memo(function PageTitle({ name }: { name: string }) {
  return <Head><title>{`${name} · TaskFlow`}</title></Head>
})

function Body({ list, spec, children }: { list: List; spec: Spec; children: React.ReactNode }) {
  const { t } = useSaying()
  const { connection } = useDesk()
  if (list.refusal && !spec.filter) return <Failed error={list.refusal} />
  if (list.tasks.length === 0 && !list.ready) return connection === "lost" ? <Empty words={[t.connection.lost, t.connection.offline]} /> : <p className="sr-only" role="status">{t.search.loading}</p>
  if (list.tasks.length === 0) return <Empty words={isNarrowed(spec) ? t.empty.search : t.empty[spec.view]} />
  return <>{children}</>
}
