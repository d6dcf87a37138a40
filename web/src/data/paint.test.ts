import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { afterPaint, whenCalm } from "./paint"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe("after a paint", () => {
  it("comes after the frame, once", () => {
    const frames: (() => void)[] = []
    vi.stubGlobal("requestAnimationFrame", (frame: () => void) => frames.push(frame))
    const work = vi.fn()
    afterPaint(work)
    vi.advanceTimersByTime(16)
    expect(work).not.toHaveBeenCalled()
    frames[0]!()
    vi.advanceTimersByTime(1)
    expect(work).toHaveBeenCalledTimes(1)
    vi.advanceTimersByTime(1000)
    expect(work).toHaveBeenCalledTimes(1)
  })
  it("comes in a hidden page, too", () => {
    vi.stubGlobal("requestAnimationFrame", () => 0)
    const work = vi.fn()
    afterPaint(work)
    vi.advanceTimersByTime(100)
    expect(work).toHaveBeenCalledTimes(1)
  })
})

describe("when calm", () => {
  it("gathers a burst, and does not wait for its end for ever", () => {
    const work = vi.fn()
    const tell = whenCalm(work, 300, 1000)
    tell()
    vi.advanceTimersByTime(299)
    expect(work).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(work).toHaveBeenCalledTimes(1)
    for (let n = 0; n < 12; n += 1) {
      tell()
      vi.advanceTimersByTime(100)
    }
    expect(work).toHaveBeenCalledTimes(2)
  })
})
