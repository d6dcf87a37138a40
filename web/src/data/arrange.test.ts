import { describe, expect, it } from "vitest"
import type { Task } from "@/api/shapes"
import { Given, arrange, firstOf } from "./arrange"
import { askFor, compareBy, here, matcher, orderOf, readSpec, stillMatches, writeSpec } from "./spec"

const at = here("America/New_York", new Date("2026-11-23T15:00Z"))
const spec = (text: string) => readSpec(new URLSearchParams(text))
const task = (id: string, fields: Partial<Task> = {}): Task => ({
  id, title: id, notes: "", status: "open", priority: "none", tags: [], due_at: null, due_on: "2026-11-23",
  timezone: null, recurrence: null, reminders: [], series_id: null, recurrence_id: null, version: 1,
  created_at: "2026-11-01T00:00:00Z", updated_at: "2026-11-01T00:00:00Z", completed_at: null, created_by: "", ...fields,
})

/** What is shown of `tasks` after `touched`, where the server gave `order`; those in `before` as they were then. */
function show(tasks: Task[], touched: string[], sort = "title", more = false, order = tasks.map((one) => one.id), before = new Map<string, Task>()) {
  const known = new Map(tasks.map((one) => [one.id, one]))
  const find = (id: string) => known.get(id) ?? null
  const given = new Given(order.map((id) => before.get(id) ?? known.get(id)!), more)
  const found = arrange(given, touched, { show: find, matches: matcher(spec("view=today"), at), compare: orderOf(sort) })
  return found.map((one) => one.id).join("")
}

const byId = (tasks: Task[]) => new Map(tasks.map((one) => [one.id, one]))

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
    expect(show(moved, ["a", "c"], "title", false, ["a", "c", "e"], byId(abc))).toBe("ec")
  })
  it("leaves in its place what is still in order there, also between equals", () => {
    const equal = [task("c"), task("a"), task("b")].map((one) => ({ ...one, title: "same" }))
    expect(show(equal.map((one) => ({ ...one, priority: "high" as const })), ["a"], "title,-created_at")).toBe("cab")
    const swapped = [task("a", { title: "y" }), task("b", { title: "x" }), task("c", { title: "z" })]
    expect(show(swapped, ["a", "b"], "title", false, ["a", "b", "c"], byId([task("a", { title: "x" }), task("b", { title: "y" })]))).toBe("bac")
  })
  it("puts what is new first where the server alone knows the order, and moves nothing", () => {
    expect(show([task("x"), task("b"), task("a"), task("c", { status: "done" })], ["x", "a", "c"], "relevance", true, ["b", "a", "c"])).toBe("xba")
  })
  it("compares a handful of 100,000 for a change", () => {
    const many = Array.from({ length: 100_000 }, (_, n) => task(String(n).padStart(6, "0")))
    const known = new Map([...many, task("050000a")].map((one) => [one.id, one]))
    let compared = 0
    const compare = (one: Task, other: Task) => ((compared += 1), compareBy("title")(one, other))
    const found = arrange(new Given(many, false), ["050000", "050000a", "000001"], {
      show: (id) => (id === "000001" ? null : known.get(id)!), matches: () => true, compare,
    })
    expect(found.length).toBe(100_000)
    expect(found.slice(49_999, 50_001).map((one) => one.id)).toEqual(["050000", "050000a"])
    expect(compared).toBeLessThan(30)
  })
  it("finds the first few of many in order", () => {
    const many = Array.from({ length: 1000 }, (_, n) => task(String((n * 7919) % 1000).padStart(4, "0")))
    expect(firstOf(many, 3, compareBy("title")).map((one) => one.id)).toEqual(["0000", "0001", "0002"])
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
    expect(matcher(spec(query), at)(one)).toBe(expected)
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
