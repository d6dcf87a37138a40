import { describe, expect, it } from "vitest"
import type { FunctionState } from "@/api/shapes"
import { observe } from "./machine"

const state = (more: Partial<FunctionState>): FunctionState => ({
  name: "write-task", replicas: 0, lag: 0, last_wake: null, cold_start_ms: null, delivered: 0, dead_letters: 0, ...more,
})

describe("observe", () => {
  it("says who woke, how fast, and who fell asleep", () => {
    const first = observe(undefined, [state({})], 0)
    expect(first.happenings).toEqual([])
    const woken = observe(first, [state({ replicas: 1, cold_start_ms: 180, last_wake: "2026-11-23T10:00:00Z", delivered: 10 })], 1000)
    expect(woken.happenings).toEqual([{ at: "2026-11-23T10:00:00Z", name: "write-task", kind: "woke", ms: 180 }])
    expect(woken.rates["write-task"]).toBe(4)
    const asleep = observe(woken, [state({ delivered: 10 })], 2000)
    expect(asleep.happenings.map((one) => one.kind)).toEqual(["slept", "woke"])
  })
  it("lets a rate fade to nothing", () => {
    let moment = observe(observe(undefined, [state({})], 0), [state({ delivered: 100 })], 1000)
    for (let second = 2; second < 20; second += 1) moment = observe(moment, [state({ delivered: 100 })], second * 1000)
    expect(moment.rates["write-task"]).toBe(0)
  })
})
