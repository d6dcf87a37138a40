/** Views that a person keeps under a name: on the server, in an order, and how a list becomes one and one a list. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useMemo } from "react"
import { Refusal, ask, get } from "@/api/client"
import type { Page, SavedView, ViewQuery } from "@/api/shapes"
import { PLAIN } from "./place"
import { type Spec, type View, readSpec } from "./spec"

const KEY = ["views"]

// --- a list as a view ----------------------------------------------------------------------------

/** What the lists of the page mean in the language that every client understands. */
const MEANING: Record<Exclude<View, "all" | "done">, { filter: string; status?: "open" }> = {
  today: { filter: "due < tomorrow", status: "open" },
  upcoming: { filter: "due >= tomorrow", status: "open" },
  overdue: { filter: "overdue" },
}

export function asQuery(spec: Spec): ViewQuery {
  const meant = spec.view === "all" ? { filter: "" } : spec.view === "done" ? { filter: "", status: "done" as const } : MEANING[spec.view]
  const filter = both(meant.filter, spec.filter.trim())
  const status = spec.status ?? meant.status
  return {
    ...(filter ? { filter } : {}), ...(spec.q.trim() ? { q: spec.q.trim() } : {}), ...(spec.sort ? { sort: spec.sort } : {}),
    ...(status ? { status } : {}), ...(spec.priority ? { priority: spec.priority } : {}), ...(spec.tags.length > 0 ? { tag: spec.tags } : {}),
  }
}

export function asSpec({ filter, q, sort, status, priority, tag, any_tag }: ViewQuery): Spec {
  const any = any_tag?.length ? `(${any_tag.map((one) => `tag:${quote(one)}`).join(" or ")})` : ""
  return {
    ...PLAIN, view: "all", status: status ?? null, priority: priority ?? null, tags: tag ?? [],
    q: q ?? "", sort: sort ?? "", filter: both(any, filter ?? ""),
  }
}

function both(one: string, other: string): string {
  return one && other ? `${one} and (${other})` : one || other
}

const quote = (tag: string) => `"${tag.replace(/(["\\])/g, "\\$1")}"`

// --- the server's --------------------------------------------------------------------------------

const NONE: SavedView[] = []

export function useSavedViews(): SavedView[] {
  const { data } = useQuery({ queryKey: KEY, queryFn: ({ signal }) => get<Page<SavedView>>("/v1/views", signal), refetchOnWindowFocus: true })
  return data?.items ?? NONE
}

export type Views = {
  create: (name: string, query: ViewQuery) => Promise<void>
  change: (id: string, changes: Partial<Pick<SavedView, "name" | "query" | "position">>) => Promise<void>
  remove: (id: string) => Promise<void>
  /** Puts a view before the one above it. */
  lift: (views: readonly SavedView[], id: string) => Promise<void>
}

export function useViews(): Views {
  const client = useQueryClient()
  return useMemo(() => {
    const write = async (method: string, path: string, body?: unknown) => {
      await ask(method, path, { key: crypto.randomUUID(), body })
      await client.invalidateQueries({ queryKey: KEY })
    }
    const change: Views["change"] = (id, changes) => write("PATCH", `/v1/views/${id}`, changes)
    return {
      create: (name, query) => write("POST", "/v1/views", { name, query }),
      change,
      remove: (id) => write("DELETE", `/v1/views/${id}`),
      lift: async (views, id) => {
        for (const { view, position } of lifted(views, id)) await change(view.id, { position })
      },
    }
  }, [client])
}

/** The views whose place changes when one goes before the one above it; equal places are told apart on the way. */
export function lifted(views: readonly SavedView[], id: string): { view: SavedView; position: number }[] {
  const at = views.findIndex((one) => one.id === id)
  if (at < 1) return []
  const order = [...views.slice(0, at - 1), views[at]!, views[at - 1]!, ...views.slice(at + 1)]
  return order.map((view, position) => ({ view, position })).filter(({ view, position }) => view.position !== position)
}

// --- those of this browser ------------------------------------------------------------------------

const KEPT = "taskflow-views"

/** What earlier pages kept in the browser, each with the address of its list. */
export function readKept(text: string | null): { name: string; query: ViewQuery }[] {
  try {
    const kept = JSON.parse(text ?? "[]") as { name: string; query: string }[]
    return kept.map(({ name, query }) => ({ name, query: asQuery(readSpec(new URLSearchParams(query))) }))
  } catch {
    return []
  }
}

/** Takes them to the server, once; a name that is taken there has been taken there before. */
export function useUpload(): void {
  const client = useQueryClient()
  useEffect(() => {
    const kept = localStorage.getItem(KEPT)
    if (!kept) return
    const leaving = new AbortController()
    const upload = async () => {
      for (const body of readKept(kept)) await insist(body, leaving.signal)
      if (leaving.signal.aborted) return
      localStorage.removeItem(KEPT)
      await client.invalidateQueries({ queryKey: KEY })
    }
    void upload()
    return () => leaving.abort()
  }, [client])
}

const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 30_000

/** Asks until somebody answers, or the page is left: then it stays here for the next start. */
async function insist(body: unknown, leaving: AbortSignal): Promise<void> {
  for (let pause = FIRST_PAUSE; !leaving.aborted; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return void (await ask("POST", "/v1/views", { body, signal: leaving }))
    } catch (error) {
      if (error instanceof Refusal) return
      await new Promise((go) => setTimeout(go, pause))
    }
  }
}
