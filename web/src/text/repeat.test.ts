import { describe, expect, it } from "vitest"
import type { Recurrence } from "@/api/shapes"
import { en } from "@/words/en"
import { here } from "@/data/spec"
import { draftOf, ruleOf } from "./repeat"
import { readMinutes, sayBefore, sayDate, sayInstants, sayRepeat } from "./say"

const rule = (text: string, more: Partial<Pick<Recurrence, "missed" | "repeat_from">> = {}): Recurrence => ({
  rule: text, frequency: null, interval: null, weekdays: null, until: null, count: null,
  repeat_from: "due", short_months: "backward", missed: "keep_latest", exdates: [], rdates: [], ...more,
})
const saying = { t: en, locale: "en-GB", at: here("Europe/Paris", new Date("2026-11-23T10:00Z")) }

describe("the form of a repetition", () => {
  it.each([
    "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3;COUNT=5", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH", "FREQ=MONTHLY;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYDAY=-1FR", "FREQ=YEARLY;UNTIL=20301231", "FREQ=HOURLY;INTERVAL=6",
  ])("gives back %s", (text) => {
    expect(ruleOf(draftOf(rule(text, { missed: "keep_all" }), "2026-11-23"))).toEqual({
      rule: text, repeat_from: "due", short_months: "backward", missed: "keep_all",
    })
  })
  it("begins with the day of the due date", () => {
    const draft = draftOf(null, "2026-11-24")
    expect(ruleOf(draft)).toBeNull()
    expect(ruleOf({ ...draft, frequency: "weekly" })?.rule).toBe("FREQ=WEEKLY;BYDAY=TU")
    expect(ruleOf({ ...draft, frequency: "monthly" })?.rule).toBe("FREQ=MONTHLY;BYMONTHDAY=24")
  })
})

describe("words", () => {
  it.each([
    ["FREQ=DAILY", "every day"],
    ["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "every weekday"],
    ["FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH", "every 2 weeks on Tue, Thu"],
    ["FREQ=MONTHLY;BYMONTHDAY=31", "every month on day 31"],
    ["FREQ=MONTHLY;BYMONTHDAY=-1", "every month on the last day"],
    ["FREQ=MONTHLY;BYDAY=-1FR", "every month on the last Friday"],
    ["FREQ=MONTHLY;BYDAY=2TU", "every month on the second Tuesday"],
    ["FREQ=DAILY;COUNT=5", "every day, 5 times"],
    ["FREQ=DAILY;UNTIL=20261231", "every day, until 31 Dec"],
  ])("%s is %s", (text, words) => {
    expect(sayRepeat(rule(text), saying)).toBe(words)
  })
  it.each([
    ["2026-11-22", "Yesterday"], ["2026-11-23", "Today"], ["2026-11-24", "Tomorrow"], ["2026-11-28", "Saturday"],
    ["2026-11-30", "30 Nov"], ["2027-01-02", "2 Jan 2027"],
  ])("%s is %s", (date, words) => {
    expect(sayDate(date, saying)).toBe(words)
  })
  it("says the instants of a sentence in the person's zone", () => {
    expect(sayInstants("It was sent at 2026-11-23T10:00:00.25Z, in time.", saying)).toBe("It was sent at 23 Nov 2026, 11:00, in time.")
  })
  it("says what comes after, and what counts from the start", () => {
    expect([sayBefore("-PT30M", saying), sayBefore("PT1H", saying, "start"), sayBefore("PT0S", saying, "start")]).toEqual(["30 minutes after", "1 hour before the start", "when it starts"])
  })
  it("says durations", () => {
    expect(["PT0S", "PT30M", "PT1H", "P1D", "P7D"].map((one) => sayBefore(one, saying))).toEqual([
      "when it is due", "30 minutes before", "1 hour before", "1 day before", "7 days before",
    ])
    expect(readMinutes("P1DT2H30M")).toBe(1590)
  })
})
