import { describe, expect, it } from "vitest"
import { addDays, addMonths, dateIn, daysBetween, toInstant, toLocal, weekday } from "./zone"

describe("toInstant", () => {
  it.each([
    ["2026-03-28T09:00", "Europe/Paris", "2026-03-28T08:00:00.000Z"],
    ["2026-03-29T09:00", "Europe/Paris", "2026-03-29T07:00:00.000Z"],
    ["2026-03-29T02:30", "Europe/Paris", "2026-03-29T01:30:00.000Z"],
    ["2026-11-01T01:30", "America/New_York", "2026-11-01T05:30:00.000Z"],
    ["2026-04-24", "Africa/Cairo", "2026-04-23T22:00:00.000Z"],
    ["2026-12-31T23:45", "Asia/Kathmandu", "2026-12-31T18:00:00.000Z"],
    ["2026-06-01T00:15", "Pacific/Auckland", "2026-05-31T12:15:00.000Z"],
  ])("%s in %s is %s", (local, zone, instant) => {
    expect(toInstant(local, zone).toISOString()).toBe(instant)
  })

  it("comes back from every hour of a year", () => {
    for (const zone of ["Europe/Paris", "America/St_Johns", "Australia/Lord_Howe", "UTC"]) {
      for (let hour = 0; hour < 8760; hour += 7) {
        const instant = new Date(Date.UTC(2026, 0, 1, hour))
        const local = toLocal(instant, zone)
        expect(toLocal(toInstant(local, zone), zone)).toBe(local)
      }
    }
  })
})

describe("dates", () => {
  it("knows today where the person is", () => {
    const now = new Date("2026-11-23T11:30Z")
    expect(dateIn("Pacific/Auckland", now)).toBe("2026-11-24")
    expect(dateIn("America/Los_Angeles", now)).toBe("2026-11-23")
  })
  it("steps by days and months", () => {
    expect(addDays("2026-02-28", 1)).toBe("2026-03-01")
    expect(addMonths("2026-01-31", 1)).toBe("2026-02-28")
    expect(addMonths("2026-11-15", 2)).toBe("2027-01-15")
    expect(daysBetween("2026-03-28", "2026-03-30")).toBe(2)
    expect(weekday("2026-11-23")).toBe(0)
  })
})
