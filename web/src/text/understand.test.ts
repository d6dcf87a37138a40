import { describe, expect, it } from "vitest"
import { understand } from "./understand"

// A Monday.
const TODAY = "2026-11-23"
const read = (text: string) => {
  const { spans: _, ...found } = understand(text, TODAY, "10:00")
  return found
}
const none = { tags: [], reminders: [] }

describe("quick add", () => {
  it("reads the line of the issue", () => {
    expect(read("pay rent every month on the 31st 9am #home !high remind 1h before")).toEqual({
      title: "pay rent",
      due_at: "2026-11-30T09:00",
      tags: ["home"],
      priority: "high",
      recurrence: { rule: "FREQ=MONTHLY;BYMONTHDAY=31" },
      reminders: [{ before: "PT1H" }],
    })
  })

  it.each([
    ["buy milk", {}],
    ["buy milk today", { due_on: "2026-11-23" }],
    ["buy milk tomorrow", { due_on: "2026-11-24" }],
    ["buy milk on friday", { due_on: "2026-11-27" }],
    ["buy milk monday", { due_on: "2026-11-30" }],
    ["buy milk next fri", { due_on: "2026-12-04" }],
    ["buy milk next week", { due_on: "2026-11-30" }],
    ["buy milk in 3 days", { due_on: "2026-11-26" }],
    ["buy milk in a month", { due_on: "2026-12-23" }],
    ["buy milk 31 dec", { due_on: "2026-12-31" }],
    ["buy milk Dec 31st", { due_on: "2026-12-31" }],
    ["buy milk 5 jan", { due_on: "2027-01-05" }],
    ["buy milk 31.12.2027", { due_on: "2027-12-31" }],
    ["buy milk 2026-12-24", { due_on: "2026-12-24" }],
    ["buy milk on the 5th", { due_on: "2026-12-05" }],
    ["buy milk end of month", { due_on: "2026-11-30" }],
    ["buy milk weekend", { due_on: "2026-11-28" }],
    ["buy milk at 17:30", { due_at: "2026-11-23T17:30" }],
    ["buy milk 9am", { due_at: "2026-11-24T09:00" }],
    ["buy milk at 12", { due_at: "2026-11-23T12:00" }],
    ["buy milk tomorrow noon", { due_at: "2026-11-24T12:00" }],
    ["buy milk tonight", { due_at: "2026-11-23T20:00" }],
    ["buy milk tonight at 9pm", { due_at: "2026-11-23T21:00" }],
    ["buy milk in 2 hours", { due_at: "2026-11-23T12:00" }],
    ["buy milk 12am tomorrow", { due_at: "2026-11-24T00:00" }],
    ["buy milk remind 1h", { due_on: "2026-11-23", reminders: [{ before: "PT1H" }] }],
    ["buy milk tomorrow remind me half an hour before", { due_on: "2026-11-24", reminders: [{ before: "PT30M" }] }],
    ["buy milk fri remind 1w before remind 2 days before", { due_on: "2026-11-27", reminders: [{ before: "P7D" }, { before: "P2D" }] }],
    ["buy milk #a #B #a", { tags: ["a", "B"] }],
    ["buy milk !!!", { priority: "high" }],
    ["buy milk !2", { priority: "medium" }],
    ["buy milk !low", { priority: "low" }],
    ["buy milk every day", { due_on: "2026-11-23", recurrence: { frequency: "daily", interval: 1 } }],
    ["buy milk daily at 8:15", { due_at: "2026-11-24T08:15", recurrence: { frequency: "daily", interval: 1 } }],
    ["buy milk every other week on tue and thu", { due_on: "2026-11-24", recurrence: { frequency: "weekly", interval: 2, weekdays: ["TU", "TH"] } }],
    ["buy milk every weekday", { due_on: "2026-11-23", recurrence: { frequency: "weekly", weekdays: ["MO", "TU", "WE", "TH", "FR"] } }],
    ["buy milk every mon, wed and fri 9am", { due_at: "2026-11-25T09:00", recurrence: { frequency: "weekly", interval: 1, weekdays: ["MO", "WE", "FR"] } }],
    ["buy milk every month on the last friday", { due_on: "2026-11-27", recurrence: { rule: "FREQ=MONTHLY;BYDAY=-1FR" } }],
    ["buy milk every month on the 2nd tuesday", { due_on: "2026-12-08", recurrence: { rule: "FREQ=MONTHLY;BYDAY=2TU" } }],
    ["buy milk every month on the last day", { due_on: "2026-11-30", recurrence: { rule: "FREQ=MONTHLY;BYMONTHDAY=-1" } }],
    ["buy milk every 3 days for 5 times", { due_on: "2026-11-23", recurrence: { frequency: "daily", interval: 3, count: 5 } }],
    ["buy milk every! 3 days", { due_on: "2026-11-23", recurrence: { frequency: "daily", interval: 3, repeat_from: "completion" } }],
    ["buy milk every week until 31 dec", { due_on: "2026-11-23", recurrence: { frequency: "weekly", interval: 1, until: "2026-12-31" } }],
    ["buy milk every 15th until 2027-03-01", { due_on: "2026-12-15", recurrence: { rule: "FREQ=MONTHLY;BYMONTHDAY=15;UNTIL=20270301" } }],
  ])("%s", (text, found) => {
    expect(read(text)).toEqual({ title: "buy milk", ...none, ...found })
  })

  it.each([
    "call 5 people", "read chapter 31", "email bob@example.com", "C# course", "prices!", "v1.2.3",
    "room 12", "the remains", "10-4 good buddy", "30.2.2026 party", "reminder",
  ])("leaves %s alone", (text) => {
    expect(read(text)).toEqual({ title: text, ...none })
  })

  it("takes what is quoted as it is", () => {
    expect(read('watch "Saturday Night Fever" tomorrow')).toEqual({
      title: 'watch "Saturday Night Fever"', ...none, due_on: "2026-11-24",
    })
    expect(read('"every day #1"').title).toBe("every day #1")
  })

  it("marks what it took", () => {
    const text = "pay rent tomorrow #home"
    const spans = understand(text, TODAY, "10:00").spans
    expect(spans.map((span) => [text.slice(span.start, span.end), span.kind])).toEqual([
      ["tomorrow", "date"], ["#home", "tag"],
    ])
  })

  it("reads hostile lines quickly and keeps every letter of them", () => {
    const long = "every ".repeat(2000) + "🦊 שלום <script>alert(1)</script>"
    const started = understand(long, TODAY, "10:00")
    expect(started.title).toContain("<script>alert(1)</script>")
  })
})
