/** What is typed runs ahead of the address: a step of the router costs more than a key may take, so the address follows at rest. */
import type { Spec } from "./spec"

type Ahead = Partial<Spec> | null

const REST_MS = 350
const listeners = new Set<() => void>()
let ahead: Ahead = null
let following: Ahead = null
let timer: ReturnType<typeof setTimeout> | undefined

function set(next: Ahead): void {
  ahead = next
  for (const listener of listeners) listener()
}

export const readAhead = (): Ahead => ahead

export function subscribeAhead(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Shows `changes` now; `follow` takes the address there once nothing more is typed. */
export function goAhead(changes: Partial<Spec>, follow: (all: Partial<Spec>) => void): void {
  const all = { ...ahead, ...changes }
  set(all)
  clearTimeout(timer)
  timer = setTimeout(() => {
    following = all
    follow(all)
  }, REST_MS)
}

/** The address changed: what it says by now, or a person who went elsewhere, ends what was ahead of it. */
export function arrive(): void {
  const ours = following
  following = null
  if (ours && ours !== ahead) return
  clearTimeout(timer)
  if (ahead) set(null)
}
