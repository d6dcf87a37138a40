/** How the functions are, asked every second, and what that says of the second before: rates, who woke, who fell asleep; pure but for the asking. */
import type { FunctionState } from "@/api/shapes"

export type Happening = { at: string; name: string; kind: "woke" | "slept"; ms: number | null }
export type Moment = {
  at: number
  functions: FunctionState[]
  /** Deliveries a second, by function. */
  rates: Record<string, number>
  happenings: Happening[]
}

const MOST = 30
// A rate over a few seconds is steadier than over one.
const WEIGHT = 0.4

export function observe(before: Moment | undefined, functions: FunctionState[], at: number): Moment {
  const rates: Record<string, number> = {}
  const happenings: Happening[] = []
  for (const one of functions) {
    const last = before?.functions.find((other) => other.name === one.name)
    rates[one.name] = last && before ? steady(before.rates[one.name] ?? 0, rateOf(last, one, at - before.at)) : 0
    if (!last || last.replicas === one.replicas) continue
    const when = new Date(at).toISOString()
    if (last.replicas === 0) happenings.push({ at: one.last_wake ?? when, name: one.name, kind: "woke", ms: one.cold_start_ms })
    if (one.replicas === 0) happenings.push({ at: when, name: one.name, kind: "slept", ms: null })
  }
  return { at, functions, rates, happenings: [...happenings, ...(before?.happenings ?? [])].slice(0, MOST) }
}

function rateOf(last: FunctionState, one: FunctionState, ms: number): number {
  return ms > 0 ? Math.max(0, one.delivered - last.delivered) / (ms / 1000) : 0
}

function steady(before: number, now: number): number {
  const rate = before * (1 - WEIGHT) + now * WEIGHT
  return rate < 0.05 ? 0 : rate
}
