/** What a logged-in person works at: the known tasks, the outbox, the stream of changes, the clock, and undo; one for the whole page. */
import { useQueryClient } from "@tanstack/react-query"
import { type ReactNode, createContext, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react"
import type { Task, User } from "@/api/shapes"
import { type Saying } from "@/text/say"
import { deliver } from "./deliver"
import { KnownTasks } from "./known"
import { forgetRecall, wasRecalled } from "./kept"
import { useLanguage } from "./language"
import { type Connection, Live } from "./live"
import { useNotices } from "./notices"
import { Outbox } from "./outbox"
import { useSession } from "./session"
import { afterPaint, whenCalm } from "./paint"
import { openShelf } from "./shelf"
import { type Here, here } from "./spec"

export type Desk = { user: User; known: KnownTasks; outbox: Outbox; connection: Connection; at: Here }

const DeskContext = createContext<Desk | null>(null)
const TICK = 15_000
// What a change of tasks changes beside them (counts of tags, lists of expressions) is asked for once a burst is over.
const CALM = 150
const RESTLESS = 800

export function DeskProvider({ user, children }: { user: User; children: ReactNode }) {
  const tools = useTools(user.id)
  const connection = useLive(tools)
  const now = useNow()
  const at = useMemo(() => here(user.timezone, now), [user.timezone, now])
  const desk = useMemo(() => ({ user, ...tools, connection, at }), [user, tools, connection, at])
  return <DeskContext value={desk}>{children}</DeskContext>
}

function useTools(person: string): { known: KnownTasks; outbox: Outbox } {
  const { tell } = useNotices()
  const { t } = useLanguage()
  const words = useRef(t)
  words.current = t
  const tools = useMemo(() => {
    const known = new KnownTasks()
    const outbox = new Outbox(person, known, openShelf(), deliver, (news) => {
      const { done, unsaved } = words.current
      if (news.kind === "failures") tell({ text: done.someRefused(news.count), detail: news.reason, tone: "late" })
      else if (news.kind === "refused") tell({ text: done.refused, detail: news.entry.reason, tone: "late" })
      else tell({ text: unsaved.conflict, tone: "late" })
    }, Date.now, afterPaint)
    return { known, outbox }
  }, [person, tell])
  useEffect(() => {
    void tools.outbox.open()
    window.addEventListener("pagehide", tools.outbox.leave)
    return () => {
      window.removeEventListener("pagehide", tools.outbox.leave)
      tools.outbox.close()
    }
  }, [tools])
  return tools
}

function useLive({ known, outbox }: { known: KnownTasks; outbox: Outbox }): Connection {
  const client = useQueryClient()
  const { end } = useSession()
  const [connection, setConnection] = useState<Connection>("connecting")
  useEffect(() => {
    const askAgain = whenCalm(() => {
      void client.invalidateQueries({ queryKey: ["aside"] })
      void client.invalidateQueries({ queryKey: ["tasks"], predicate: ({ queryKey }) => String(queryKey[1]).includes("filter=") })
    }, CALM, RESTLESS)
    const live = new Live({
      items: (items) => {
        known.follow(items)
        askAgain()
      },
      resync: () => void client.invalidateQueries(),
      state: (state) => {
        setConnection(state)
        if (state !== "live") return
        if (outbox.stuck) outbox.hurry()
        // Lists that were recalled while nobody answered are asked for now.
        void client.refetchQueries({ queryKey: ["tasks"], predicate: ({ state: query }) => query.status === "error" || wasRecalled() }).then(forgetRecall)
      },
      ended: end,
    })
    live.open()
    return listen(live, outbox)
  }, [known, outbox, client, end])
  return connection
}

/** Wakes the stream and the outbox after sleep and with the network; returns how to end both. */
function listen(live: Live, outbox: Outbox): () => void {
  const wake = () => {
    if (document.visibilityState === "hidden") return
    void live.catchUp()
    outbox.hurry()
  }
  const wakers: [EventTarget, string][] = [[window, "online"], [window, "pageshow"], [document, "visibilitychange"]]
  for (const [target, name] of wakers) target.addEventListener(name, wake)
  window.addEventListener("offline", live.suspend)
  return () => {
    window.removeEventListener("offline", live.suspend)
    for (const [target, name] of wakers) target.removeEventListener(name, wake)
    live.close()
  }
}

function useNow(): Date {
  const [now, setNow] = useState(() => new Date())
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), TICK)
    return () => clearInterval(timer)
  }, [])
  return now
}

export function useDesk(): Desk {
  const desk = useContext(DeskContext)
  if (!desk) throw new Error("useDesk stands outside of DeskProvider")
  return desk
}

/** Moves with everything that changes about tasks. */
export function useClock(): number {
  const { known } = useDesk()
  return useSyncExternalStore(known.subscribe, () => known.clock, () => 0)
}

/** A task as it looks with what waits. */
export function useTask(id: string | null): { task: Task | null; pending: boolean } {
  const { outbox } = useDesk()
  const clock = useClock()
  return useMemo(() => {
    void clock
    return { task: id ? outbox.show(id) : null, pending: id ? outbox.isPending(id) : false }
  }, [outbox, id, clock])
}

export function useSaying(): Saying {
  const { t, locale } = useLanguage()
  const { at } = useDesk()
  return useMemo(() => ({ t, locale, at }), [t, locale, at])
}
