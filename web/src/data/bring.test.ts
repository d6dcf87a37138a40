import { describe, expect, it } from "vitest"
import type { ImportResult } from "@/api/shapes"
import { de } from "@/words/de"
import { en } from "@/words/en"
import { kindOf, sayLeftOut, troublesOf } from "./bring"

const told = (left_out: Record<string, number>, results: ImportResult[] = []) => ({ taken: 0, there: 0, refused: 0, left_out, results })

describe("a file that is brought", () => {
  it.each([
    ["mine.json", "application/json", "application/json"],
    ["mine.ICS", "", "text/calendar"],
    ["invite", "text/calendar", "text/calendar"],
    // Whatever it is, the server says what is wrong with it.
    ["photo.png", "image/png", "application/json"],
  ])("%s of type %j is %s", (name, type, kind) => {
    expect(kindOf(new File([], name, { type }))).toBe(kind)
  })
  it("tells of what was left out, and of nothing that was not there", () => {
    expect(sayLeftOut(told({ deleted_tasks: 7, views: 0, audit: 1200 }), en)).toBe("Left out: deleted tasks (7), entries of the audit (1,200)")
    expect(sayLeftOut(told({ channels: 1, notions: 2 }), de)).toBe("Ausgelassen: Kanäle (1), notions (2)")
    expect(sayLeftOut(told({ views: 0 }), en)).toBe("")
  })
  it("names the entries that were refused or not taken whole", () => {
    const results: ImportResult[] = [
      { position: 0, id: "a", task_id: "a", status: 201 },
      { position: 1, id: "b", status: 422, problem: { detail: "title: is empty" } },
      { position: 2, id: "c", task_id: "c", status: 201, not_taken: ["LOCATION"] },
      { position: 3, id: "d", task_id: "d", status: 200, not_taken: ["LOCATION"] },
    ]
    expect(troublesOf(told({}, results)).map(({ id }) => id)).toEqual(["b", "c"])
  })
})
