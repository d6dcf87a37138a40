import { describe, expect, it } from "vitest"
import type { Task } from "@/api/shapes"
import { arrange } from "./arrange"
import { askFor, compareBy, here, matches, readSpec, stillMatches, writeSpec } from "./spec"

const at = here("America/New_York", new Date("2026-11-23T15:00Z"))
const spec = (text: string) => readSpec(new URLSearchParams(text))
const task = (id: string, fields: Partial<Task> = {}): Task => ({
  id, title: id, notes: "", status: "open", priority: "none", tags: [], due_at: null, due_on: "2026-11-23",
  timezone: null, recurrence: null, reminders: [], series_id: null, recurrence_id: null, version: 1,
  created_at: "2026-11-01T00:00:00Z", updated_at: "2026-11-01T00:00:00Z", completed_at: null, created_by: "", ...fields,
})

function show(tasks: Task[], touched: string[], sort = "title", more = false, order = tasks.map((one) => one.id)) {
  const known = new Map(tasks.map((one) => [one.id, one]))
  const wanted = (one: Task) => matches(one, spec("view=today"), at)
  const find = (id: string) => known.get(id) ?? null
  const found = arrange({ ids: order, more }, touched, { find, show: find, matches: wanted, compare: compareBy(sort) })
  return found.map((one) => one.id).join("")
}

describe("arrange", () => {
  const abc = [task("a"), task("c"), task("e")]
  it("keeps the server's order for what did not change", () => {
    expect(show([abc[2]!, abc[0]!, abc[1]!], [])).toBe("eac")
  })
  it("puts what is new in its place", () => {
    expect(show([...abc, task("b"), task("f")], ["b", "f"], "title", false, ["a", "c", "e"])).toBe("abcef")
  })
  it("leaves to a later page what stands behind the last row", () => {
    expect(show([...abc, task("b"), task("f")], ["b", "f"], "title", true, ["a", "c", "e"])).toBe("abce")
  })
  it("drops what does not belong any more, moves what moved", () => {
    const moved = [task("a", { status: "done" }), task("c", { title: "z" }), task("e")]
    expect(show(moved, ["a", "c"])).toBe("ec")
  })
  it("is quick for 100,000", () => {
    const many = Array.from({ length: 100_000 }, (_, n) => task(String(n).padStart(6, "0")))
    expect(show(many, ["050000"]).length).toBe(600_000)
  })
})

describe("matches", () => {
  const due = (fields: Partial<Task>) => task("x", { due_on: null, ...fields })
  it.each([
    ["view=today", due({ due_at: "2026-11-24T04:59:00Z" }), true],
    ["view=today", due({ due_at: "2026-11-24T05:01:00Z" }), false],
    ["view=today", due({ due_on: "2026-11-24" }), false],
    ["view=today", due({ due_on: "2026-11-01" }), true],
    ["view=upcoming", due({ due_on: "2026-11-24" }), true],
    ["view=upcoming", due({ due_on: "2026-11-23" }), false],
    ["view=overdue", due({ due_on: "2026-11-23" }), false],
    ["view=overdue", due({ due_on: "2026-11-22" }), true],
    ["view=overdue", due({ due_at: "2026-11-23T14:59:00Z" }), true],
    ["view=overdue", due({ due_at: "2026-11-23T15:01:00Z" }), false],
    ["view=done", due({ status: "done" }), true],
    ["view=all&tag=Home&tag=b", due({ tags: ["home", "B"] }), true],
    ["view=all&tag=home", due({ tags: ["homes"] }), false],
    ["view=all&priority=high", due({ priority: "low" }), false],
    ["view=all&q=creme+BRU", due({ title: "Crème brûlée" }), true],
    ["view=all&q=creme+tea", due({ title: "Crème brûlée" }), false],
    ["view=all&q=rule", due({ title: "Crème brûlée" }), false],
    ["view=all&q=boo+home", due({ title: "Write a book", tags: ["Home"] }), true],
    ["view=all&q=報告", due({ title: "月次報告を書く" }), true],
  ])("%s", (query, one, expected) => {
    expect(matches(one, spec(query), at)).toBe(expected)
  })
})

describe("stillMatches", () => {
  it("leaves words to the server, and nothing else", () => {
    const found = task("ran home", { status: "done" })
    expect(stillMatches(found, spec("view=all&q=running"), at)).toBe(true)
    expect(stillMatches(found, spec("view=all&q=running&status=open"), at)).toBe(false)
  })
})

describe("the address", () => {
  it.each([
    "", "view=upcoming", "view=all&status=done&priority=high&q=rent&sort=-priority%2Cdue_at&tag=a&tag=b",
    "view=all&filter=due+%3C+today%2B7d",
  ])("comes back: %s", (text) => {
    expect(writeSpec(spec(text)).toString()).toBe(text)
  })
  it("ignores what it does not know", () => {
    expect(writeSpec(spec("view=../x&status=1&priority=urgent")).toString()).toBe("")
  })
  it("asks for a day more on each side", () => {
    expect(askFor(spec(""), at).get("due_before")).toBe("2026-11-25T05:00:00.000Z")
    expect(askFor(spec("view=upcoming"), at).get("due_after")).toBe("2026-11-23T05:00:00.000Z")
  })
})

describe("compareBy", () => {
  it("sorts by several keys, nulls last both ways", () => {
    const tasks = [
      task("a", { due_on: null }), task("b", { priority: "high" }), task("c", { due_on: "2026-11-01" }), task("d", { priority: "low" }),
    ]
    const by = (sort: string) => [...tasks].sort(compareBy(sort)).map((one) => one.id).join("")
    expect(by("due_at,-priority")).toBe("cbda")
    expect(by("-due_at,priority")).toBe("dbca")
    expect(by("-priority,title")).toBe("bdac")
  })
})
