import { describe, expect, it } from "vitest"
import type { SavedView } from "@/api/shapes"
import { readSpec, writeSpec } from "./spec"
import { asQuery, asSpec, lifted, readKept } from "./views"

const spec = (text: string) => readSpec(new URLSearchParams(text))

describe("a list as a view", () => {
  it.each([
    ["view=all&priority=low&sort=title&tag=a&tag=b", { priority: "low", sort: "title", tag: ["a", "b"] }],
    ["view=done&q=rent", { q: "rent", status: "done" }],
    ["view=today&priority=high", { filter: "due < tomorrow", status: "open", priority: "high" }],
    ["view=upcoming&filter=tag%3Aa+or+tag%3Ab", { filter: "due >= tomorrow and (tag:a or tag:b)", status: "open" }],
    ["view=overdue", { filter: "overdue" }],
  ])("%s", (text, query) => {
    expect(asQuery(spec(text))).toEqual(query)
  })
  it("comes back from every list of everything", () => {
    const text = "view=all&status=open&priority=low&q=rent&filter=due+%3C+today&sort=title&tag=a"
    expect(writeSpec(asSpec(asQuery(spec(text)))).toString()).toBe(text)
  })
  it("says any of several tags as an expression", () => {
    expect(asSpec({ any_tag: ['a "b"', "c"], filter: "overdue" }).filter).toBe('(tag:"a \\"b\\"" or tag:"c") and (overdue)')
  })
})

describe("the order of views", () => {
  const view = (id: string, position: number): SavedView => ({ id, position, name: id, query: {}, created_at: "", updated_at: "" })
  const moved = (views: SavedView[], id: string) => lifted(views, id).map(({ view: { id }, position }) => `${id}${position}`)
  it("changes only what moves", () => {
    expect(moved([view("a", 0), view("b", 1), view("c", 2)], "c")).toEqual(["c1", "b2"])
    expect(moved([view("a", 0), view("b", 1)], "a")).toEqual([])
  })
  it("tells equal places apart", () => {
    expect(moved([view("a", 0), view("b", 0), view("c", 0)], "b")).toEqual(["a1", "c2"])
  })
})

describe("views that an earlier page kept", () => {
  it("are read, and nonsense is nothing", () => {
    expect(readKept('[{"name":"Home","query":"view=all&tag=home"}]')).toEqual([{ name: "Home", query: { tag: ["home"] } }])
    expect([readKept(null), readKept("{"), readKept("{}")]).toEqual([[], [], []])
  })
})
