import { describe, expect, it } from "vitest"
import { here } from "@/data/spec"
import { de } from "@/words/de"
import { en } from "@/words/en"
import { sayReason } from "./reason"

const at = here("Europe/Paris", new Date("2026-11-23T10:00Z"))
// As taskflow/short_months.py and taskflow/zone.py write them.
const SENTENCES: [string, string][] = [
  ["February has no 31st: moved back to the 28th", "Februar hat keinen 31.: zurück auf den 28."],
  ["April has no 31st: moved forward to 1 May", "April hat keinen 31.: vor auf den 1. Mai"],
  ["02:30 does not exist on that day: 03:30", "02:30 gibt es an diesem Tag nicht: 03:30"],
  ["02:30 happens twice on that day: the first one", "02:30 gibt es an diesem Tag zweimal: das erste Mal"],
  ["the moon is full", "the moon is full"],
]

describe("why a date differs", () => {
  it.each(SENTENCES)("%s", (english, german) => {
    expect(sayReason(english, { t: de, locale: "de", at })).toBe(german)
    expect(sayReason(english, { t: en, locale: "en-GB", at })).toBe(english)
  })
  it("says several", () => {
    const both = `${SENTENCES[0]![0]}; ${SENTENCES[2]![0]}`
    expect(sayReason(both, { t: de, locale: "de", at })).toBe(`${SENTENCES[0]![1]}; ${SENTENCES[2]![1]}`)
  })
})
