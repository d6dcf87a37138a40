/** Where the page is, by its address: the list, the open task; every step can be shared and taken back. */
import { useRouter } from "next/router"
import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react"
import { arrive, goAhead, readAhead, subscribeAhead } from "./ahead"
import { type Spec, readSpec, writeSpec } from "./spec"

export type Place = {
  path: string
  spec: Spec
  open: string | null
  /** Goes to another list, in history; what is typed shows at once and stands in the address at rest. */
  show: (changes: Partial<Spec>, typed?: boolean) => void
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

const SHALLOW = { shallow: true, scroll: false }

export function usePlace(): Place {
  const router = useRouter()
  const ahead = useSyncExternalStore(subscribeAhead, readAhead, () => null)
  const [path = "/", search = ""] = router.asPath.split("#")[0]!.split("?")
  const query = useMemo(() => new URLSearchParams(router.isReady ? search : ""), [search, router.isReady])
  const spec = useMemo(() => ({ ...readSpec(query), ...ahead }), [query, ahead])
  const open = query.get("task")
  const show = useCallback((changes: Partial<Spec>, typed = false) => {
    if (!typed) return void router.push(addressOf({ ...spec, ...changes }), undefined, SHALLOW)
    goAhead(changes, (all) => void router.replace(addressOf({ ...spec, ...all }, open), undefined, SHALLOW))
  }, [router, spec, open])
  const openTask = useCallback((id: string | null) => {
    const next = path === "/" ? writeSpec(spec) : new URLSearchParams(search)
    next.delete("task")
    if (id) next.set("task", id)
    const text = next.toString()
    void router[open && id ? "replace" : "push"](text ? `${path}?${text}` : path, undefined, SHALLOW)
  }, [router, search, path, open, spec])
  return useMemo(() => ({ path, spec, open, show, openTask }), [path, spec, open, show, openTask])
}

/** Tells what runs ahead of the address that it changed; stands once, in the frame of the page. */
export function useArrivals(): void {
  const { events } = useRouter()
  useEffect(() => {
    events.on("routeChangeComplete", arrive)
    return () => events.off("routeChangeComplete", arrive)
  }, [events])
}
