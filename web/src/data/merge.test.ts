import { describe, expect, it } from "vitest"
import type { Task } from "@/api/shapes"
import { changesOf, mergeFields } from "./merge"

const task = (fields: Partial<Task>): Task => ({
  id: "1", title: "Pay rent", notes: "", status: "open", priority: "none", tags: ["home"], due_at: null,
  due_on: null, timezone: null, recurrence: null, reminders: [], series_id: null, recurrence_id: null,
  version: 2, created_at: "", updated_at: "", completed_at: null, created_by: "", ...fields,
})

describe("a start", () => {
  it("is one decision of its own, beside the due time", () => {
    const current = { start_on: "2026-12-02", due_on: "2026-12-09" } as Task
    const base = { start_at: null, start_on: null, due_on: "2026-12-09" }
    const { changes, conflicts } = mergeFields(base, { start_at: null, start_on: "2026-12-01", due_on: "2026-12-10" }, current)
    expect(changes).toEqual({ due_on: "2026-12-10" })
    expect(conflicts.map((one) => one.field)).toEqual(["start_at"])
    expect(changesOf(conflicts[0]!)).toEqual({ start_at: null, start_on: "2026-12-01" })
  })
})

describe("mergeFields", () => {
  it("merges edits of different fields", () => {
    const current = task({ notes: "by transfer" })
    expect(mergeFields({ title: "Pay rent" }, { title: "Pay the rent" }, current)).toEqual({
      changes: { title: "Pay the rent" }, conflicts: [],
    })
  })

  it("needs nothing where both did the same", () => {
    const current = task({ title: "Pay the rent", tags: ["b", "a"] })
    const mine = { title: "Pay the rent", tags: ["a", "b"] }
    expect(mergeFields({ title: "Pay rent", tags: [] }, mine, current)).toEqual({ changes: {}, conflicts: [] })
  })

  it("shows both values where they differ, and sends the rest", () => {
    const merged = mergeFields(
      { title: "Pay rent", priority: "none" }, { title: "Pay the rent", priority: "high" }, task({ title: "Rent!" }),
    )
    expect(merged).toEqual({
      changes: { priority: "high" },
      conflicts: [{ field: "title", mine: "Pay the rent", theirs: "Rent!" }],
    })
    expect(changesOf(merged.conflicts[0]!)).toEqual({ title: "Pay the rent" })
  })

  it("takes wall-clock time and its instant as equal", () => {
    const current = task({ due_at: "2026-12-31T08:00:00Z", timezone: "Europe/Paris" })
    const mine = { due_at: "2026-12-31T09:00", due_on: null, timezone: "Europe/Paris" }
    expect(mergeFields({ due_at: null, due_on: null, timezone: null }, mine, current).conflicts).toEqual([])
  })

  it("treats a due date as one decision", () => {
    const current = task({ due_on: "2026-12-30" })
    const mine = { due_at: "2026-12-31T09:00", due_on: null, timezone: "Europe/Paris" }
    const { changes, conflicts } = mergeFields({ due_at: null, due_on: null, timezone: null }, mine, current)
    expect(changes).toEqual({})
    expect(conflicts).toHaveLength(1)
    expect(changesOf(conflicts[0]!)).toEqual(mine)
  })
})
