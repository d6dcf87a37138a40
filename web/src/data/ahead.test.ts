import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { arrive, goAhead, readAhead } from "./ahead"

describe("what is typed before the address says so", () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => {
    arrive()
    vi.useRealTimers()
  })

  it("is there at once, and the address follows once, at rest", () => {
    const followed: unknown[] = []
    goAhead({ q: "b" }, (all) => followed.push(all))
    goAhead({ view: "all" }, (all) => followed.push(all))
    goAhead({ q: "bo" }, (all) => followed.push(all))
    expect(readAhead()).toEqual({ q: "bo", view: "all" })
    vi.advanceTimersByTime(1000)
    expect(followed).toEqual([{ q: "bo", view: "all" }])
    arrive()
    expect(readAhead()).toBeNull()
  })

  it("is not overtaken by an address that is older than it", () => {
    goAhead({ q: "b" }, () => {})
    vi.advanceTimersByTime(1000)
    goAhead({ q: "bo" }, () => {})
    arrive()
    expect(readAhead()).toEqual({ q: "bo" })
  })

  it("ends when the person goes elsewhere", () => {
    const followed: unknown[] = []
    goAhead({ q: "b" }, (all) => followed.push(all))
    arrive()
    vi.advanceTimersByTime(1000)
    expect([readAhead(), followed]).toEqual([null, []])
  })
})
