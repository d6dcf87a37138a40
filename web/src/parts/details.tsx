/** One task in full, beside the list or over it on a phone: everything is edited where it stands and kept as it is typed. */
import * as Menu from "@radix-ui/react-dropdown-menu"
import { Bell, CalendarArrowUp, CalendarDays, Flag, MoreHorizontal, Repeat2, Tag, X } from "lucide-react"
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react"
import { useQuery } from "@tanstack/react-query"
import { get } from "@/api/client"
import type { Scope, Task } from "@/api/shapes"
import { useDesk, useSaying, useTask } from "@/data/desk"
import { useDoings } from "@/data/doings"
import type { Fields } from "@/data/writes"
import { sayInstant } from "@/text/say"
import { DueField, StartField } from "./due-field"
import { GrowingText } from "./growing-text"
import { ReminderField } from "./reminder-field"
import { RepeatField } from "./repeat-field"
import { TagField } from "./tag-field"
import { TaskPast } from "./task-past"
import { PriorityBars, Tick } from "./task-row"

export type Change = (changes: Fields) => void

export default function Details({ id, close }: { id: string; close: () => void }) {
  const { t } = useSaying()
  const { known } = useDesk()
  const { task, pending } = useTask(id)
  const panel = useRef<HTMLElement>(null)
  const missing = useQuery({
    queryKey: ["task", id], enabled: !task && !pending, retry: false, staleTime: 0,
    queryFn: async ({ signal }) => {
      const found = await get<Task>(`/v1/tasks/${id}`, signal)
      known.put([found])
      return found.id
    },
  })
  useEffect(() => {
    const back = document.activeElement as HTMLElement | null
    panel.current?.focus({ preventScroll: true })
    return () => back?.focus?.({ preventScroll: true })
  }, [])
  return (
    <aside ref={panel} tabIndex={-1} aria-label={task?.title || t.task.title} onKeyDown={(event) => event.key === "Escape" && !event.defaultPrevented && close()} className="slide-in fixed inset-0 z-40 flex flex-col overflow-y-auto bg-raised outline-none md:static md:inset-auto md:w-[27rem] md:shrink-0 md:border-l md:border-line">
      {task ? <Body task={task} pending={pending} close={close} /> : (
        <div className="p-6"><button className="icon-button" aria-label={t.task.close} onClick={close}><X size={18} /></button>{missing.isError && <p className="mt-6 text-soft">{t.task.gone}</p>}</div>
      )}
    </aside>
  )
}

function Body({ task, pending, close }: { task: Task; pending: boolean; close: () => void }) {
  const saying = useSaying()
  const { t } = saying
  const doings = useDoings()
  const [scope, setScope] = useState<Scope>("this")
  const change = useCallback<Change>((changes) => doings.change(task, changes, { scope: task.series_id ? scope : undefined }), [doings, task, scope])
  return (
    <>
      <div className="sticky top-0 z-10 flex items-center gap-1 bg-raised px-3 py-2 md:px-4">
        <Tick task={task} toggle={doings.toggle} t={t} />
        <p className="flex-1 text-sm text-faint" role="status">{pending ? t.task.saving : ""}</p>
        <TaskMenu task={task} close={close} />
        <button className="icon-button" aria-label={t.task.close} onClick={close}><X size={18} /></button>
      </div>
      <div className="px-6 pb-16">
        <GrowingText value={task.title} save={(title) => title.trim() && change({ title: title.trim() })} label={t.fields.title} most={500} oneLine className="display text-xl leading-7" />
        {task.series_id && <ScopeChoice scope={scope} choose={setScope} />}
        <div className="mt-5 grid gap-0.5">
          <FieldRow icon={<CalendarDays size={17} />} name={t.fields.due_at}><DueField task={task} change={change} /></FieldRow>
          <FieldRow icon={<CalendarArrowUp size={17} />} name={t.fields.start_at}><StartField task={task} change={change} /></FieldRow>
          <FieldRow icon={<Repeat2 size={17} />} name={t.fields.recurrence}><RepeatField task={task} change={change} /></FieldRow>
          <FieldRow icon={<Bell size={17} />} name={t.fields.reminders}><ReminderField task={task} change={change} /></FieldRow>
          <FieldRow icon={<Flag size={17} />} name={t.fields.priority}><PriorityField task={task} change={change} /></FieldRow>
          <FieldRow icon={<Tag size={17} />} name={t.fields.tags}><TagField task={task} change={change} /></FieldRow>
        </div>
        <div className="mt-6 border-t border-line pt-5">
          <GrowingText value={task.notes} save={(notes) => change({ notes })} label={t.fields.notes} most={65_536} className="leading-6" />
        </div>
        <TaskPast task={task} />
        <p className="mt-8 text-xs text-faint">{t.task.created} {sayInstant(task.created_at, saying)} · {t.task.updated} {sayInstant(task.updated_at, saying)}</p>
      </div>
    </>
  )
}

function FieldRow({ icon, name, children }: { icon: ReactNode; name: string; children: ReactNode }) {
  return (
    <div role="group" aria-label={name} className="grid grid-cols-[1.75rem_5.5rem_1fr] items-start py-0.5">
      <span className="pt-2 text-faint" aria-hidden="true">{icon}</span>
      <span className="pt-1.5 text-sm text-faint" aria-hidden="true">{name}</span>
      <div className="min-w-0">{children}</div>
    </div>
  )
}

const SCOPES: Scope[] = ["this", "following", "all"]

function ScopeChoice({ scope, choose }: { scope: Scope; choose: (scope: Scope) => void }) {
  const { t } = useSaying()
  return (
    <fieldset className="mt-3 flex flex-wrap items-center gap-1 text-sm">
      <legend className="sr-only">{t.repeat.scope}</legend>
      {SCOPES.map((one) => (
        <label key={one} className={`cursor-pointer rounded-full px-3 py-1 has-focus-visible:outline-2 ${scope === one ? "bg-tint font-semibold" : "text-soft hover:bg-hover"}`}>
          <input type="radio" name="scope" className="sr-only" checked={scope === one} onChange={() => choose(one)} />{t.repeat[one]}
        </label>
      ))}
    </fieldset>
  )
}

const PRIORITIES = ["high", "medium", "low", "none"] as const

function PriorityField({ task, change }: { task: Task; change: Change }) {
  const { t } = useSaying()
  return (
    <div className="flex flex-wrap gap-1 pt-0.5">
      {PRIORITIES.map((one) => (
        <label key={one} className={`flex min-h-8 cursor-pointer items-center gap-1.5 rounded-md px-2 text-sm has-focus-visible:outline-2 max-md:min-h-11 ${task.priority === one ? "bg-tint font-semibold" : "text-soft hover:bg-hover"}`}>
          <input type="radio" name="priority" className="sr-only" checked={task.priority === one} onChange={() => change({ priority: one })} />
          {one !== "none" && <PriorityBars priority={one} />}{t.priority[one]}
        </label>
      ))}
    </div>
  )
}

function TaskMenu({ task, close }: { task: Task; close: () => void }) {
  const { t } = useSaying()
  const doings = useDoings()
  const item = (name: string, act: () => void, late = false) => <Menu.Item className={`menu-item ${late ? "text-late" : ""}`} onSelect={() => { act(); close() }}>{name}</Menu.Item>
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className="icon-button" aria-label={t.task.menu}><MoreHorizontal size={18} /></Menu.Trigger>
      <Menu.Portal>
        <Menu.Content align="end" sideOffset={4} className="floating appear min-w-48 p-1.5">
          {task.reminders.length > 0 && task.status === "open" && item(t.task.snooze, () => doings.snooze(task))}
          {task.series_id && task.status === "open" && item(t.task.skip, () => doings.act([task], "skip"))}
          {task.status === "open" && item(t.task.cancel, () => doings.act([task], "cancel"))}
          {task.series_id && item(t.task.deleteFuture, () => doings.remove([task], "following"), true)}
          {item(t.task.delete, () => doings.remove([task]), true)}
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  )
}
