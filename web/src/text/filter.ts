/** The filter language on the page's side: what could come next at the cursor; the server alone decides what is right. Pure. */
export type Completion = { from: number; to: number; offers: string[] }

const FIELDS = ["priority:", "tag:", "status:", "due", "title:", "notes:", "created", "updated", "completed", "repeats:"]
const VALUES: Record<string, string[]> = {
  priority: ["high", "medium", "low", "none"],
  status: ["open", "done", "cancelled"],
  repeats: ["yes", "no"],
}
const DATES = ["today", "tomorrow", "yesterday", "today+7d", "today-7d"]
const DATED = new Set(["due", "created", "updated", "completed"])

/** What may be written at `cursor` of `text`: values after a field, dates after a comparison, else fields and connectives. */
export function complete(text: string, cursor: number, tags: readonly string[]): Completion {
  const before = text.slice(0, cursor)
  const value = /(\w+):\s*("?[^\s()"]*)$/.exec(before)
  if (value) return offer(before, value[2]!, value[1] === "tag" ? tags.map(quote) : (VALUES[value[1]!] ?? []))
  const date = /\b(due|created|updated|completed)\s*(?:<=?|>=?|=)\s*([\w+-]*)$/.exec(before)
  if (date) return offer(before, date[2]!, DATES)
  const word = /[\w:]*$/.exec(before)![0]
  const last = before.slice(0, before.length - word.length).trim().split(/\s+/).at(-1) ?? ""
  if (DATED.has(last)) return offer(before, word, ["<", "<=", ">", ">=", "=", "is empty"])
  const open = last === "" || /^(and|or|not)$|\($/i.test(last)
  return offer(before, word, open ? ["not ", ...FIELDS] : ["and ", "or "])
}

function offer(before: string, typed: string, offers: readonly string[]): Completion {
  const small = typed.toLowerCase().replace(/^"/, "")
  const fitting = offers.filter((one) => one.toLowerCase().replace(/^"/, "").startsWith(small) && one.trim() !== typed)
  return { from: before.length - typed.length, to: before.length, offers: fitting.slice(0, 8) }
}

function quote(tag: string): string {
  return /^[\p{L}\p{N}_-]+$/u.test(tag) ? tag : `"${tag}"`
}

/** `text` with an offer taken. */
export function take(text: string, { from, to }: Completion, chosen: string): string {
  return text.slice(0, from) + chosen + text.slice(to)
}
