/** A file's way into the account: what it is, the request under one key until it is answered whole, and what a person is told of the answer. */
import { ask, get } from "@/api/client"
import type { ImportResult, Imported } from "@/api/shapes"
import type { Words } from "@/words/en"

const LOOK_AGAIN_MS = 500

/** By its name: browsers know a calendar's type on some machines only. */
export function kindOf(file: File): string {
  return file.type === "text/calendar" || /\.ics$/i.test(file.name) ? "text/calendar" : "application/json"
}

/** What came of it. Where that takes longer than a request, it is sent once more: only that answer tells of each entry. */
export async function bring(file: File): Promise<Imported> {
  const given = { file: file.slice(0, file.size, kindOf(file)), key: crypto.randomUUID() }
  for (;;) {
    const { status, body, location } = await ask<Imported>("POST", "/v1/me/import", given)
    if (status !== 202) return body
    await settle(location!)
  }
}

async function settle(place: string): Promise<void> {
  while ((await get<{ status: string }>(place)).status === "pending") await new Promise((go) => setTimeout(go, LOOK_AGAIN_MS))
}

// --- what is told --------------------------------------------------------------------------------

/** The entries that were refused, or taken without all that they say. One that was there already is not touched, so it lacks nothing. */
export function troublesOf({ results }: Imported): ImportResult[] {
  return results.filter(({ status, problem, not_taken: lacks }) => problem || (lacks && status !== 200))
}

/** What an import does not make, of what the file holds; a kind that this page does not know keeps its name. */
export function sayLeftOut({ left_out: left }: Imported, t: Words): string {
  const said = Object.entries(left).filter(([, n]) => n > 0).map(([kind, n]) => `${t.data.kinds[kind] ?? kind} (${n.toLocaleString(t.locale)})`)
  return said.length > 0 ? t.data.leftOut(said.join(", ")) : ""
}
