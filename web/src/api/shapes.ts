/** The shapes of the interface by the names that the page uses: generated where OpenAPI knows them, written here from the contract where it does not yet. */
import type { components } from "./openapi"

type Schemas = components["schemas"]

export type Task = Required<Omit<Schemas["Task"], "recurrence" | "reminders">> & {
  recurrence: Recurrence | null
  reminders: Reminder[]
}
export type TaskInput = Schemas["TaskInput"]
export type Recurrence = Schemas["Recurrence"]
export type Reminder = { id?: string; before?: string | null; at?: string | null; channels?: string[] }
export type Priority = Task["priority"]
export type Status = Task["status"]
export type Scope = "this" | "following" | "all"
export type User = Schemas["UserView"]
export type Channel = Schemas["ChannelView"]
export type NewChannel = Schemas["NewChannelView"]
export type ApiToken = Schemas["ApiTokenView"]
export type NewApiToken = Schemas["NewApiTokenView"]

export type Page<T> = { items: T[]; next_cursor: string | null }
export type Change = { cursor: string; type: string; task_id: string; task: Task | null }
export type Frame = { items?: Change[]; cursor: string; resync?: boolean }
export type Tag = { name: string; count: number }
export type HistoryItem = {
  at: string
  actor_id: string
  action: string
  before: Partial<Task> | null
  after: Partial<Task> | null
  command_id: string
}
export type Delivery = {
  id: string
  reminder_id: string | null
  task_id: string | null
  channel: string
  state: "planned" | "due" | "retry" | "sent" | "failed" | "suppressed"
  attempts: number
  due_at: string
  sent_at: string | null
  late_by_seconds: number | null
  reason: string | null
}
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
