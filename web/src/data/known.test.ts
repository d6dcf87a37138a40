import { describe, expect, it } from "vitest"
import type { Change, Task } from "@/api/shapes"
import { KnownTasks } from "./known"

const task = (version: number, title = "t") => ({ id: "t", title, version }) as Task

const told = (one: Task): Change => ({ cursor: "c", type: "updated", task_id: "t", task: one })
const deleted: Change = { cursor: "c", type: "deleted", task_id: "t", task: null }

describe("known tasks", () => {
  it("tells once of a change that both its write and the stream tell of", () => {
    const known = new KnownTasks()
    let told = 0
    known.subscribe(() => (told += 1))
    known.put([task(2)])
    known.follow([{ cursor: "c", type: "updated", task_id: "t", task: task(2) }])
    expect(told).toBe(1)
    known.put([task(3)])
    known.put([task(2)])
    expect(told).toBe(2)
    expect(known.find("t")?.version).toBe(3)
  })
  it("tells of a change that a list knew before the stream did: other lists did not", () => {
    const known = new KnownTasks()
    const asked = known.clock
    known.learn([task(2)])
    expect([...known.touchedSince(asked)]).toEqual([])
    known.put([task(2)])
    expect([...known.touchedSince(asked)]).toEqual(["t"])
  })
  it("shows a task again that comes back after its deletion, and nothing from before it", () => {
    const known = new KnownTasks()
    known.put([task(1)])
    known.follow([told(task(2)), deleted, told(task(2))])
    known.learn([task(2)])
    known.put([task(3)])
    expect(known.find("t")).toBeNull()
    known.remove(["t"])
    const asked = known.clock
    known.follow([told(task(4))])
    expect(known.find("t")?.version).toBe(4)
    expect([...known.touchedSince(asked)]).toEqual(["t"])
  })
  it("takes it from the stream alone that a task came back which it had never seen", () => {
    const known = new KnownTasks()
    known.follow([deleted])
    known.learn([task(9)])
    expect(known.find("t")).toBeNull()
    known.follow([told(task(9))])
    expect(known.find("t")?.version).toBe(9)
  })
  it("keeps a version as the object that it is known by, so that its row is not drawn again", () => {
    const known = new KnownTasks()
    const first = task(2)
    known.learn([first])
    known.put([task(2)])
    known.learn([task(2)])
    expect(known.find("t")).toBe(first)
    known.learn([task(3)])
    expect(known.find("t")?.version).toBe(3)
  })
})
