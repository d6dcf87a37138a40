/** The keys of a list: the cursor is the focused title, so that a screen reader and the eye are at the same place. */
import type { Virtualizer } from "@tanstack/react-virtual"
import type { Task } from "@/api/shapes"
import { useDesk } from "@/data/desk"
import { useDoings } from "@/data/doings"
import { type Keys, useKeys } from "@/data/keys"
import type { Rows } from "@/data/rows"
import { dueChange } from "@/data/times"
import { addDays } from "@/text/zone"
import type { Picked } from "./task-list"

type Given = {
  tasks: readonly Task[]
  rows: Rows
  virtual: Virtualizer<HTMLDivElement, Element>
  select: (task: Task, range: boolean) => void
  picked: Picked
  toggle: (task: Task) => void
  show: (id: string) => void
}

const PRIORITY = { "1": "high", "2": "medium", "3": "low", "0": "none" } as const

function focusedId(): string | null {
  return (document.activeElement?.closest("[data-task]") as HTMLElement | null)?.dataset.task ?? null
}

export function useListKeys({ tasks, rows, virtual, select, picked, toggle, show }: Given): void {
  const doings = useDoings()
  const { at } = useDesk()
  const cursor = () => tasks.find((task) => task.id === focusedId()) ?? null
  /** What a key acts on: the selection, else the task under the cursor. */
  const meant = () => (picked.ids.size > 0 ? tasks.filter((task) => picked.ids.has(task.id)) : [cursor()].filter((task) => task !== null))
  const move = (step: number, extend: boolean) => {
    const task = cursor()
    const next = tasks[task ? tasks.indexOf(task) + step : 0]
    if (!next) return
    if (extend && task) {
      if (picked.ids.size === 0) select(task, false)
      select(next, true)
    }
    focusTask(next.id, rows, virtual)
  }
  const due = (days: number) => doings.changeAll(meant(), (task) => dueChange(task, addDays(at.today, days), null, at.zone))
  const finish = () => {
    doings.act(meant(), "complete")
    picked.set(new Set())
  }
  const keys: Keys = {
    j: () => move(1, false), k: () => move(-1, false), ArrowDown: () => move(1, false), ArrowUp: () => move(-1, false),
    "Shift+j": () => move(1, true), "Shift+k": () => move(-1, true), "Shift+ArrowDown": () => move(1, true), "Shift+ArrowUp": () => move(-1, true),
    x: () => cursor() && select(cursor()!, false),
    " ": () => (picked.ids.size > 0 ? finish() : cursor() && stepOn(cursor()!, { tasks, rows, virtual, toggle })),
    o: () => cursor() && show(cursor()!.id),
    Delete: () => doings.remove(meant()), Backspace: () => doings.remove(meant()),
    t: () => due(0), m: () => due(1),
    "Control+a": () => picked.set(new Set(tasks.map((task) => task.id))),
  }
  for (const [key, priority] of Object.entries(PRIORITY)) keys[key] = () => doings.changeAll(meant(), () => ({ priority }))
  useKeys(keys)
}

/** Ticks a task; the cursor does not vanish with it. */
function stepOn(task: Task, { tasks, rows, virtual, toggle }: Pick<Given, "tasks" | "rows" | "virtual" | "toggle">): void {
  const at = tasks.indexOf(task)
  const next = tasks[at + 1] ?? tasks[at - 1]
  toggle(task)
  if (next) requestAnimationFrame(() => focusTask(next.id, rows, virtual))
}

function focusTask(id: string, rows: Rows, virtual: Given["virtual"]): void {
  const focus = () => {
    const title = document.querySelector<HTMLElement>(`[data-task="${id}"] [data-title]`)
    title?.focus({ preventScroll: true })
    return Boolean(title)
  }
  virtual.scrollToIndex(rows.find(id), { align: "auto" })
  if (!focus()) requestAnimationFrame(() => focus() || requestAnimationFrame(focus))
}
