import { describe, expect, it } from "vitest"
import type { Task } from "@/api/shapes"
import { dueChange, fixChange, floatChange, startChange } from "./times"

const ZONE = "Europe/Paris"
const task = (fields: Partial<Task>) => ({ id: "1", due_at: null, due_on: null, timezone: null, ...fields }) as Task
const timed = task({ due_at: "2026-12-10T09:00:00Z", start_at: "2026-12-08T07:00:00Z", timezone: ZONE })
const daily = task({ due_on: "2026-12-10", start_on: "2026-12-08" })

describe("when a task is due", () => {
  it("is a day or a time on its own clock", () => {
    expect(dueChange(task({}), "2026-12-10", null, ZONE)).toEqual({ due_on: "2026-12-10", due_at: null, timezone: null, floating: null })
    const tokyo = task({ due_at: "2026-12-09T00:00:00Z", timezone: "Asia/Tokyo" })
    expect(dueChange(tokyo, "2026-12-10", "09:00", ZONE)).toEqual({ due_at: "2026-12-10T09:00", due_on: null, timezone: "Asia/Tokyo" })
  })
  it("floats with the person where no zone was chosen", () => {
    const floats = { due_at: "2026-12-10T09:00", due_on: null, floating: true, timezone: ZONE }
    expect(dueChange(task({ due_at: "2026-12-09T08:00:00Z", floating: true, timezone: ZONE }), "2026-12-10", "09:00", ZONE)).toEqual(floats)
    expect(dueChange(task({ due_on: "2026-12-09" }), "2026-12-10", "09:00", ZONE)).toEqual(floats)
    expect(dueChange(task({ timezone: ZONE }), "2026-12-10", "09:00", ZONE)).toEqual(floats)
  })
  it("takes the start along only where that would be later", () => {
    expect(dueChange(daily, "2026-12-09", null, ZONE)).toMatchObject({ start_on: "2026-12-08" })
    expect(dueChange(daily, "2026-12-05", null, ZONE)).toMatchObject({ start_on: "2026-12-03" })
    expect(dueChange(timed, "2026-12-05", "10:00", ZONE)).toMatchObject({ start_at: "2026-12-03T08:00" })
    expect(dueChange(timed, "2026-12-08", "06:00", ZONE)).toMatchObject({ start_at: "2026-12-06T08:00" })
  })
  it("makes the start of its own kind", () => {
    expect(dueChange(daily, "2026-12-10", "09:00", ZONE)).toMatchObject({ start_at: "2026-12-08T09:00", start_on: null })
    expect(dueChange(timed, "2026-12-10", null, ZONE)).toMatchObject({ start_on: "2026-12-08", start_at: null })
  })
  it("never leaves a start behind the hour", () => {
    const same = task({ due_at: "2026-12-10T09:00:00Z", start_at: "2026-12-10T08:00:00Z", timezone: ZONE })
    expect(dueChange(same, "2026-12-10", "08:30", ZONE)).toMatchObject({ start_at: "2026-12-10T08:30" })
  })
})

describe("whose clock", () => {
  it("keeps its instant where it begins to float, and what the clock shows where it is fixed", () => {
    const tokyo = task({ due_at: "2026-12-10T00:00:00Z", timezone: "Asia/Tokyo" })
    expect(floatChange(tokyo, ZONE)).toEqual({ due_at: "2026-12-10T01:00", floating: true, timezone: ZONE })
    expect(fixChange({ ...tokyo, start_at: "2026-12-09T23:00:00Z" }, ZONE)).toEqual({ due_at: "2026-12-10T09:00", start_at: "2026-12-10T08:00", floating: null, timezone: ZONE })
  })
})

describe("when a task starts", () => {
  it("is of the kind of its due time", () => {
    expect(startChange(daily, "2026-12-01", "09:00", ZONE)).toEqual({ start_on: "2026-12-01", start_at: null })
    expect(startChange(timed, "2026-12-01", null, ZONE)).toEqual({ start_at: "2026-12-01T10:00", start_on: null, timezone: ZONE })
    expect(startChange(task({}), "2026-12-01", "09:00", ZONE)).toEqual({ start_at: "2026-12-01T09:00", start_on: null, floating: true, timezone: ZONE })
    expect(startChange(task({}), "2026-12-01", null, ZONE)).toEqual({ start_on: "2026-12-01", start_at: null })
  })
})
