/** Why a date differs from its rule: the server's sentence in the person's language; what this does not know stays as it came. Pure. */
import type { Saying } from "./say"

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]

type Tell = (found: string[], saying: Saying) => string

const SENTENCES: [RegExp, Tell][] = [
  [/^(\w+) has no (\d+)\w\w: moved back to the (\d+)\w\w$/, ([month, lacks, day], saying) => saying.t.repeat.movedBack(nameMonth(month!, saying), Number(lacks), Number(day))],
  [/^(\w+) has no (\d+)\w\w: moved forward to (\d+) (\w+)$/, ([month, lacks, day, next], saying) => saying.t.repeat.movedForward(nameMonth(month!, saying), Number(lacks), Number(day), nameMonth(next!, saying))],
  [/^(\d\d:\d\d) does not exist on that day: (\d\d:\d\d)$/, ([lacks, time], { t }) => t.repeat.noSuchTime(lacks!, time!)],
  [/^(\d\d:\d\d) happens twice on that day: the first one$/, ([time], { t }) => t.repeat.twice(time!)],
]

export function sayReason(reason: string, saying: Saying): string {
  return reason.split("; ").map((sentence) => sayOne(sentence, saying)).join("; ")
}

function sayOne(sentence: string, saying: Saying): string {
  for (const [pattern, tell] of SENTENCES) {
    const found = pattern.exec(sentence)
    if (found) return tell(found.slice(1), saying)
  }
  return sentence
}

function nameMonth(name: string, { locale }: Saying): string {
  const month = MONTHS.indexOf(name)
  return month < 0 ? name : new Intl.DateTimeFormat(locale, { timeZone: "UTC", month: "long" }).format(new Date(Date.UTC(2026, month, 1)))
}
