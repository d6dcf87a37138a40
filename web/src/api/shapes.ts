/** The shapes of the interface by the names that the page uses: generated where OpenAPI knows them, written here from the contract where it does not yet. */
import type { components } from "./openapi"

type Schemas = components["schemas"]

export type Task = Required<Omit<Schemas["Task"], "recurrence" | "reminders" | "start_at" | "start_on" | "floating">> & {
  /** Shown only where a task has them. */
  start_at?: string | null
  start_on?: string | null
  floating?: boolean | null
  recurrence: Recurrence | null
  reminders: Reminder[]
}
export type TaskInput = Schemas["TaskInput"]
export type Recurrence = Schemas["Recurrence"]
export type Reminder = { id?: string; /** A negative duration is after. */ before?: string | null; relative_to?: "start" | "due"; at?: string | null; channels?: string[] }
export type Priority = Task["priority"]
export type Status = Task["status"]
export type Scope = "this" | "following" | "all"
export type User = Schemas["UserView"]
export type ChannelKind = "email" | "webhook" | "web_push" | "apprise"
export type Channel = {
  id: string
  kind: ChannelKind
  address: string
  confirmed: boolean
  created_at: string
  disabled_at?: string
  disabled_reason?: string
  old_secret_until?: string
}
/** A webhook's secret is shown once. */
export type NewChannel = Channel & { secret?: string | null }
export type ReminderChoices = {
  channels: ChannelKind[]
  escalate_after: string | null
  quiet_hours: { from: string; until: string } | null
  late: "send" | "drop"
  late_after: string
  /** A time of day for one mail with all of it; absent where the server has none. */
  digest?: string | null
}
export type ApiToken = Schemas["ApiTokenView"]
export type NewApiToken = Schemas["NewApiTokenView"]

export type Page<T> = { items: T[]; next_cursor: string | null }
export type Change = { cursor: string; type: string; task_id: string; task: Task | null }
export type Frame = { items?: Change[]; cursor: string; resync?: boolean }
/** Which tasks a view holds, in which order; what is not asked for is absent. */
export type ViewQuery = { filter?: string; q?: string; sort?: string; status?: Status; priority?: Priority; tag?: string[]; any_tag?: string[] }
export type SavedView = { id: string; name: string; query: ViewQuery; position: number; created_at: string; updated_at: string }
/** Begin and end in UTF-16 code units. */
export type Range = [number, number]
/** Where a search found its words: in the title, and in a piece of the notes. */
export type Highlight = { title: Range[]; notes: { text: string; ranges: Range[] } | null }
export type FoundTask = Task & { highlight?: Highlight }
export type Tag = { name: string; count: number }
export type HistoryItem = {
  at: string
  actor_id: string
  action: string
  before: Partial<Task> | null
  after: Partial<Task> | null
  command_id: string
}
export type DeliveryState = "planned" | "due" | "retry" | "sent" | "failed" | "suppressed"
export type Delivery = {
  id: string
  reminder_id: string | null
  task_id: string | null
  channel: ChannelKind
  state: DeliveryState
  attempts: number
  due_at: string
  sent_at: string | null
  late_by_seconds: number | null
  reason: string | null
}
export type Attempt = { number: number; at: string; took_ms: number | null; state: string; reason: string | null; receipt: string | null }
/** A delivery with its whole story. */
export type DeliveryStory = Delivery & { explanation: string; log: Attempt[] }
/** Why one reminder came or did not, by one channel; a task's are asked for together. */
export type Explained = {
  reminder_id: string
  remind_at: string
  channel: ChannelKind | null
  state: DeliveryState
  delivery_id: string | null
  explanation: string
}
export type UpcomingReminder = { reminder_id: string; task_id: string; title: string; due_at: string | null; due_on: string | null; remind_at: string; channels: string[] }
export type Occurrence = {
  recurrence_id: string
  task_id: string | null
  ended_how: string | null
  ended_at: string | null
  due_at: string | null
  due_on: string | null
  status: string
  planned: boolean
}
export type Preview = {
  items: { due_at?: string; due_on?: string; local: string; adjusted: string | null }[]
  ends: boolean
}
export type AuditEntry = {
  seq: number
  at: string
  actor_id: string
  action: string
  task_id: string | null
  before: unknown
  after: unknown
  cause_id: string
  hash: string
  previous_hash: string
}
export type Verdict = {
  ok: boolean
  entries: number
  erased: number
  first_bad: number | null
  reason: string | null
  unproved: boolean
}
export type DeadLetter = {
  id: string
  consumer: string
  record_topic: string
  partition: number
  record_offset: number
  event_id: string | null
  event_type: string | null
  reason: string
  attempts: number
  trace: string
  state: string
  kept_at: string
  value?: string
}
/** What became of one entry of a file that was brought. */
export type ImportResult = { position: number; id: string | null; task_id?: string; status: number; problem?: { detail: string }; not_taken?: string[] }
export type Imported = { taken: number; there: number; refused: number; left_out: Record<string, number>; results: ImportResult[] }
export type FunctionState = {
  name: string
  replicas: number
  lag: number
  last_wake: string | null
  cold_start_ms: number | null
  delivered: number
  dead_letters: number
}
export type System = { functions: FunctionState[]; dead_letters: number }
