/** Where the page is, by its address: the list, the open task; every step can be shared and taken back. */
import { useRouter } from "next/router"
import { useCallback, useMemo } from "react"
import { type Spec, readSpec, writeSpec } from "./spec"

export type Place = {
  path: string
  spec: Spec
  open: string | null
  /** Goes to another list, in history; typing replaces instead. */
  show: (changes: Partial<Spec>, replace?: boolean) => void
  openTask: (id: string | null) => void
}

/** The address of a list. */
export function addressOf(spec: Spec, open: string | null = null): string {
  const query = writeSpec(spec)
  if (open) query.set("task", open)
  const text = query.toString()
  return text ? `/?${text}` : "/"
}

export const PLAIN: Spec = { view: "today", status: null, priority: null, tags: [], q: "", filter: "", sort: "" }

export function usePlace(): Place {
  const router = useRouter()
  const [path = "/", search = ""] = router.asPath.split("#")[0]!.split("?")
  const query = useMemo(() => new URLSearchParams(router.isReady ? search : ""), [search, router.isReady])
  const spec = useMemo(() => readSpec(query), [query])
  const open = query.get("task")
  const show = useCallback((changes: Partial<Spec>, replace = false) => {
    void router[replace ? "replace" : "push"](addressOf({ ...spec, ...changes }, replace ? open : null), undefined, { shallow: true, scroll: false })
  }, [router, spec, open])
  const openTask = useCallback((id: string | null) => {
    const next = new URLSearchParams(search)
    if (id) next.set("task", id)
    else next.delete("task")
    const text = next.toString()
    void router[open && id ? "replace" : "push"](text ? `${path}?${text}` : path, undefined, { shallow: true, scroll: false })
  }, [router, search, path, open])
  return useMemo(() => ({ path, spec, open, show, openTask }), [path, spec, open, show, openTask])
}
