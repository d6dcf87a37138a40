/** What stands beside the lists: tags with their counts, and views that the person saved in this browser. */
import { useQuery } from "@tanstack/react-query"
import { useSyncExternalStore } from "react"
import { get } from "@/api/client"
import type { Page, Tag } from "@/api/shapes"

export function useTags(): Tag[] {
  const { data } = useQuery({ queryKey: ["aside", "tags"], queryFn: ({ signal }) => get<Page<Tag>>("/v1/tags", signal), staleTime: 5000 })
  return data?.items ?? []
}

/** A tag's own hue: the same everywhere, without being stored. */
export function hueOf(tag: string): number {
  let sum = 0x811c9dc5
  for (const letter of tag.toLowerCase()) sum = Math.imul(sum ^ letter.codePointAt(0)!, 0x01000193) >>> 0
  return (sum % 18) * 20
}

// --- saved views -------------------------------------------------------------------------------

export type SavedView = { name: string; query: string }

const KEPT = "taskflow-views"
const listeners = new Set<() => void>()
let cached: { text: string; views: SavedView[] } = { text: "[]", views: [] }

function read(): SavedView[] {
  const text = localStorage.getItem(KEPT) ?? "[]"
  if (text !== cached.text) cached = { text, views: parse(text) }
  return cached.views
}

function parse(text: string): SavedView[] {
  try {
    return JSON.parse(text) as SavedView[]
  } catch {
    return []
  }
}

function write(views: SavedView[]): void {
  localStorage.setItem(KEPT, JSON.stringify(views))
  listeners.forEach((told) => told())
}

export const saveView = (view: SavedView) => write([...read().filter((one) => one.name !== view.name), view])
export const forgetView = (name: string) => write(read().filter((one) => one.name !== name))

const NONE: SavedView[] = []

export function useSavedViews(): SavedView[] {
  return useSyncExternalStore((told) => {
    listeners.add(told)
    window.addEventListener("storage", told)
    return () => {
      listeners.delete(told)
      window.removeEventListener("storage", told)
    }
  }, read, () => NONE)
}
