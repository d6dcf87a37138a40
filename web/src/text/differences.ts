/** What changed between two states of a task, field by field, as text; pure. */
export type Difference = { field: string; before: string; after: string }

// What every change changes tells nothing.
const SILENT = new Set(["version", "updated_at", "id", "created_at", "created_by", "series_id", "recurrence_id"])

export function differences(before: object | null, after: object | null, say: (field: string, value: unknown) => string = (_, value) => asText(value)): Difference[] {
  const [old, now] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>]
  const names = [...new Set([...Object.keys(old), ...Object.keys(now)])].filter((name) => !SILENT.has(name))
  return names
    .filter((field) => asText(old[field]) !== asText(now[field]))
    .map((field) => ({ field, before: say(field, old[field]), after: say(field, now[field]) }))
}

export function asText(value: unknown): string {
  if (value === null || value === undefined) return ""
  if (Array.isArray(value)) return value.map(asText).join(", ")
  if (typeof value !== "object") return String(value)
  const { rule, before, at } = value as Record<string, unknown>
  return String(rule ?? before ?? at ?? JSON.stringify(value))
}
