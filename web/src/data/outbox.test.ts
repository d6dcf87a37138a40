import { describe, expect, it } from "vitest"
import type { Task } from "@/api/shapes"
import type { Delivered } from "./deliver"
import { KnownTasks } from "./known"
import { Outbox, type Shelf } from "./outbox"
import type { Entry, Operation } from "./writes"

const task = (fields: Partial<Task> = {}): Task => ({
  id: "t", title: "Pay rent", notes: "", status: "open", priority: "none", tags: [], due_at: null, due_on: null,
  timezone: null, recurrence: null, reminders: [], series_id: null, recurrence_id: null, version: 1,
  created_at: "2026-11-01T00:00:00Z", updated_at: "2026-11-01T00:00:00Z", completed_at: null, created_by: "", ...fields,
})
const rename = (title: string, base = "Pay rent", id = "t"): Operation => ({
  op: "update", id, changes: { title }, base: { title: base }, version: 1,
})
const settled = (...tasks: Task[]): Delivered => ({ kind: "done", tasks, gone: [], failures: [] })

/** A server whose every answer a test gives by hand, and a shelf that outlives the page. */
class Bench {
  readonly sent: { entry: Entry; answer: (delivered: Delivered) => Promise<void> }[] = []
  readonly kept = new Map<string, Entry>()
  readonly news: string[] = []
  known = new KnownTasks()
  shelf: Shelf = {
    all: async () => [...this.kept.values()],
    put: async (entry) => void this.kept.set(entry.key, structuredClone(entry)),
    remove: async (key) => void this.kept.delete(key),
  }
  now = 1000

  open(): Outbox {
    return new Outbox("me", this.known, this.shelf, (entry) =>
      new Promise((resolve) => {
        const answer = async (delivered: Delivered) => {
          resolve(delivered)
          await new Promise((done) => setTimeout(done))
        }
        this.sent.push({ entry: structuredClone(entry), answer })
      }), (news) => this.news.push(news.kind), () => this.now)
  }
}

describe("outbox", () => {
  it("shows a write at once and lets the server's word replace it", async () => {
    const bench = new Bench()
    const outbox = bench.open()
    outbox.add([{ op: "create", id: "t", task: { title: "Pay rent" } }])
    expect(outbox.show("t")?.title).toBe("Pay rent")
    expect(outbox.isPending("t")).toBe(true)
    await bench.sent[0]!.answer(settled(task({ title: "Pay rent." })))
    expect(outbox.show("t")?.title).toBe("Pay rent.")
    expect(outbox.isPending("t")).toBe(false)
    expect(bench.kept.size).toBe(0)
  })

  it("keeps the order of one task and sends others beside it", async () => {
    const bench = new Bench()
    const outbox = bench.open()
    outbox.add([{ op: "create", id: "a", task: { title: "a" } }])
    outbox.add([{ op: "complete", id: "a" }])
    outbox.add([{ op: "create", id: "b", task: { title: "b" } }])
    expect(bench.sent.map((one) => one.entry.operations[0]!.op + one.entry.operations[0]!.id)).toEqual(["createa", "createb"])
    await bench.sent[0]!.answer(settled(task({ id: "a" })))
    expect(bench.sent[2]!.entry.operations[0]).toMatchObject({ op: "complete", id: "a" })
  })

  it("keeps what waits over a reload, and sends it under the same key", async () => {
    const bench = new Bench()
    const key = bench.open().add([{ op: "create", id: "t", task: { title: "Pay rent" } }])
    const next = bench.open()
    await next.open()
    expect(next.show("t")?.title).toBe("Pay rent")
    expect(bench.sent.map((one) => one.entry.key)).toEqual([key, key])
  })

  it("gathers what is typed while nothing can leave", async () => {
    const bench = new Bench()
    const outbox = bench.open()
    bench.known.put([task()])
    outbox.add([{ op: "complete", id: "x" }])
    await bench.sent[0]!.answer({ kind: "again", after: 60 })
    outbox.add([rename("Pay")])
    outbox.add([rename("Pay the", "Pay")])
    outbox.add([rename("Pay the rent", "Pay the")])
    expect(outbox.entries).toHaveLength(2)
    expect(outbox.entries[1]!.operations[0]).toMatchObject({ changes: { title: "Pay the rent" }, base: { title: "Pay rent" } })
    bench.now += 61_000
    outbox.pump()
    expect(bench.sent).toHaveLength(3)
  })

  it("undoes what is held as if it had never been", () => {
    const bench = new Bench()
    const outbox = bench.open()
    bench.known.put([task()])
    const key = outbox.add([{ op: "delete", id: "t" }], 6000)
    expect(outbox.show("t")).toBeNull()
    expect(outbox.retract(key)).toBe(true)
    expect(outbox.show("t")?.title).toBe("Pay rent")
    expect(bench.sent).toHaveLength(0)
    outbox.close()
  })

  it("takes a refused write back, keeps its words, and can try again", async () => {
    const bench = new Bench()
    const outbox = bench.open()
    outbox.add([{ op: "create", id: "t", task: { title: "x".repeat(501) } }])
    await bench.sent[0]!.answer({ kind: "refused", reason: "title: too long", code: "invalid" })
    expect(outbox.show("t")).toBeNull()
    expect(bench.news).toEqual(["refused"])
    expect([...bench.kept.values()][0]).toMatchObject({ state: "refused", reason: "title: too long" })
    outbox.settleRefused(outbox.entries[0]!.key, true)
    expect(bench.sent[1]!.entry.key).not.toBe(bench.sent[0]!.entry.key)
  })

  it("sends a merged update under a new key", async () => {
    const bench = new Bench()
    const outbox = bench.open()
    bench.known.put([task()])
    outbox.add([rename("Pay the rent")])
    const current = task({ version: 2, notes: "by transfer" })
    const operations = [{ ...rename("Pay the rent"), version: 2 } as Operation]
    await bench.sent[0]!.answer({ kind: "resend", operations, current })
    expect(bench.sent[1]!.entry.operations[0]).toMatchObject({ version: 2 })
    expect(outbox.show("t")).toMatchObject({ title: "Pay the rent", notes: "by transfer" })
  })

  it.each([[["title"], "Mine"], [[], "Theirs"]])("lets a person decide a conflict: %s wins", async (mine, title) => {
    const bench = new Bench()
    const outbox = bench.open()
    bench.known.put([task()])
    outbox.add([rename("Mine")])
    const conflicts = [{ field: "title" as const, mine: "Mine", theirs: "Theirs" }]
    await bench.sent[0]!.answer({ kind: "conflict", conflicts, rest: {}, current: task({ version: 2, title: "Theirs" }) })
    expect(outbox.show("t")?.title).toBe("Theirs")
    expect(outbox.entries[0]!.conflicts).toEqual(conflicts)
    outbox.decide(outbox.entries[0]!.key, mine)
    expect(outbox.show("t")?.title).toBe(title)
    expect(bench.sent).toHaveLength(1 + mine.length)
  })

  it("never forgets what a newer version said", () => {
    const known = new KnownTasks()
    known.put([task({ version: 3, title: "new" })])
    known.learn([task({ version: 2, title: "old" })])
    known.put([task({ version: 1, title: "older" })])
    expect(known.find("t")?.title).toBe("new")
    known.remove(["t"])
    known.learn([task({ version: 3 })])
    expect(known.find("t")).toBeNull()
  })
})
