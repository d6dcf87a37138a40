import { describe, expect, it } from "vitest"
import type { Task } from "@/api/shapes"
import { rowsOf } from "@/data/rows"
import { type View, here } from "@/data/spec"
import { cutAt, piecesOf } from "./highlighted"

const marked = (text: string, ...words: string[]) => piecesOf(text, words).map((one) => (one.marked ? `[${one.text}]` : one.text)).join("")

describe("marks", () => {
  it.each([
    ["Crème brûlée", ["creme"], "[Crème] brûlée"],
    ["Book the train, book the room", ["book"], "[Book] the train, [book] the room"],
    ["<b>bold</b>", ["b"], "<[b]>[b]old</[b]>"],
    ["a notebook", ["book"], "a notebook"],
    ["月次報告を書く", ["報告"], "月次[報告]を書く"],
    ["nothing", ["x"], "nothing"],
    ["👩‍👩‍👧 family", ["family"], "👩‍👩‍👧 [family]"],
  ])("%s", (text, words, expected) => {
    expect(marked(text, ...words)).toBe(expected)
    expect(piecesOf(text, words).map((one) => one.text).join("")).toBe(text)
  })
})

describe("what the server found", () => {
  const cut = (text: string, ...ranges: [number, number][]) => cutAt(text, ranges).map((one) => (one.marked ? `[${one.text}]` : one.text)).join("")
  it("is cut by code units, in any order, and never beyond the text", () => {
    expect(cut("👩 ran home", [7, 11], [3, 6])).toBe("👩 [ran] [home]")
    expect(cut("short", [0, 99])).toBe("short")
    expect(cut("ab", [0, 2], [1, 2])).toBe("[ab]")
    expect(cut("none")).toBe("none")
  })
})

describe("rows", () => {
  const at = here("Europe/Paris", new Date("2026-11-23T10:00Z"))
  const task = (id: string, fields: Partial<Task>) => ({ id, status: "open", due_at: null, due_on: null, ...fields }) as Task
  const keys = (tasks: Task[], view: View) => {
    const rows = rowsOf(tasks, view, at)
    return Array.from({ length: rows.length }, (_, n) => rows.at(n).key)
  }
  it("puts now between what has passed and what comes", () => {
    const tasks = [
      task("late", { due_on: "2026-11-20" }), task("day", { due_on: "2026-11-23" }),
      task("past", { due_at: "2026-11-23T08:00:00Z" }), task("next", { due_at: "2026-11-23T15:00:00Z" }),
    ]
    expect(keys(tasks, "today")).toEqual([
      "overdue 2026-11-23", "late", "day 2026-11-23", "day", "past", "now", "next",
    ])
  })
  it("groups what comes by its day", () => {
    const tasks = [task("a", { due_on: "2026-11-24" }), task("b", { due_on: "2026-11-24" }), task("c", { due_on: "2026-11-25" })]
    expect(keys(tasks, "upcoming")).toEqual(["day 2026-11-24", "a", "b", "day 2026-11-25", "c"])
  })
})
