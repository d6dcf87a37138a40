import { describe, expect, it } from "vitest"
import type { Task } from "@/api/shapes"
import { asSent } from "./deliver"
import { type Entry, applyOperation, asWritten, baseOf } from "./writes"

const ZONE = "Europe/Paris"
const entry = { person: "me", at: 0 } as Entry
const task = (fields: Partial<Task>) => ({ id: "t", due_at: null, due_on: null, timezone: null, ...fields }) as Task

describe("what floats", () => {
  const floating = task({ due_at: "2026-12-10T08:00:00Z", timezone: ZONE, floating: true })
  const moved = { due_at: "2026-12-11T09:00", due_on: null, floating: true, timezone: ZONE }

  it("is shown on the person's clock before the server has said anything", () => {
    expect(applyOperation(null, { op: "create", id: "t", task: { title: "x", ...moved } }, entry)?.due_at).toBe("2026-12-11T08:00:00.000Z")
  })
  it("goes without a zone, what is fixed with its own", () => {
    expect(asSent(moved)).toEqual({ due_at: "2026-12-11T09:00", due_on: null, floating: true })
    expect(asSent({ due_at: "2026-12-11T09:00", timezone: ZONE })).toEqual({ due_at: "2026-12-11T09:00", timezone: ZONE })
    expect(asSent({ floating: null, timezone: ZONE })).toEqual({ floating: null, timezone: ZONE })
    expect(asSent({ title: "x" })).toEqual({ title: "x" })
  })
  it("is put back as a time on the wall, for an instant would fix it", () => {
    expect(asWritten(floating, baseOf(floating, moved))).toEqual({ due_at: "2026-12-10T09:00:00", due_on: null, floating: true, timezone: ZONE })
  })
  it("is put back as a day or as fixed where it did not float", () => {
    const daily = task({ due_on: "2026-12-10" })
    expect(asWritten(daily, baseOf(daily, moved))).toEqual({ due_at: null, due_on: "2026-12-10", floating: null, timezone: null })
    const fixed = task({ due_at: "2026-12-10T08:00:00Z", timezone: ZONE })
    expect(asWritten(fixed, baseOf(fixed, moved))).toEqual({ due_at: "2026-12-10T08:00:00Z", due_on: null, floating: null, timezone: ZONE })
  })
})
