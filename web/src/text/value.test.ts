import { describe, expect, it } from "vitest"
import { here } from "@/data/spec"
import { de } from "@/words/de"
import { en } from "@/words/en"
import { sayValue } from "./value"

const at = here("Europe/Paris", new Date("2026-11-23T10:00Z"))
const english = { t: en, locale: "en-GB", at }

describe("a value in words", () => {
  it.each([
    ["title", "Pay rent", "Pay rent"],
    ["notes", null, ""],
    ["priority", "high", "High"],
    ["tags", ["home", "deep work"], "home, deep work"],
    ["due_on", "2026-12-10", "Thursday, 10 December".replace(",", "")],
    ["due_at", "2026-12-10T08:00:00Z", "10 Dec 2026, 09:00"],
    ["due_at", { due_at: "2026-12-10T09:00", due_on: null, floating: true, timezone: "Europe/Paris" }, "Thursday 10 December, 09:00, on your clock, anywhere"],
    ["due_at", { due_at: "2026-12-10T09:00", timezone: "Asia/Tokyo" }, "Thursday 10 December, 09:00 in Asia/Tokyo"],
    ["due_at", { due_at: null, due_on: null, timezone: null }, ""],
    ["recurrence", { rule: "FREQ=WEEKLY;BYDAY=TU" }, "every week on Tue"],
    ["reminders", [{ before: "PT1H" }, { before: "-PT30M" }], "1 hour before, 30 minutes after"],
  ])("%s %j", (field, value, words) => {
    expect(sayValue(field, value, english)).toBe(words)
  })
  it("speaks the person's language", () => {
    expect(sayValue("priority", "high", { t: de, locale: "de", at })).toBe("Hoch")
  })
})
