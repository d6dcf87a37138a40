/** What can be done to all that is selected, at once. */
import * as Menu from "@radix-ui/react-dropdown-menu"
import { CalendarDays, Check, Flag, Tag, Trash2, X } from "lucide-react"
import type { ReactNode } from "react"
import type { Task } from "@/api/shapes"
import { useTags } from "@/data/tags"
import { useDesk } from "@/data/desk"
import { useDoings } from "@/data/doings"
import { useWords } from "@/data/language"
import { dueChange } from "@/data/times"
import type { Fields } from "@/data/writes"
import { addDays, weekday } from "@/text/zone"

export function BulkBar({ tasks, clear }: { tasks: Task[]; clear: () => void }) {
  const t = useWords()
  const { at } = useDesk()
  const doings = useDoings()
  const tags = useTags()
  const finish = (act: () => void) => () => {
    act()
    clear()
  }
  const change = (changes: (task: Task) => Fields) => finish(() => doings.changeAll(tasks, changes))
  const due = (date: string | null) => change((task) => (date ? dueChange(task, date, null, at.zone) : { due_on: null, due_at: null, timezone: null }))
  const days: [string, string | null][] = [
    [t.due.today, at.today], [t.due.tomorrow, addDays(at.today, 1)], [t.due.nextWeek, addDays(at.today, 7 - weekday(at.today))], [t.due.none, null],
  ]
  return (
    <div role="toolbar" aria-label={t.bulk.selected(tasks.length)} className="appear fixed inset-x-0 bottom-20 z-40 mx-auto flex w-fit max-w-[96vw] items-center gap-0.5 rounded-xl bg-ink p-1.5 text-paper shadow-lg md:bottom-6">
      <span className="figures px-3 text-sm font-semibold whitespace-nowrap" role="status">{t.bulk.selected(tasks.length)}</span>
      <Act name={t.bulk.complete} icon={<Check size={17} />} act={finish(() => doings.act(tasks, "complete"))} />
      <Choose name={t.bulk.date} icon={<CalendarDays size={17} />}>{days.map(([name, date]) => <Item key={name} act={due(date)}>{name}</Item>)}</Choose>
      <Choose name={t.bulk.priority} icon={<Flag size={17} />}>{(["high", "medium", "low", "none"] as const).map((priority) => <Item key={priority} act={change(() => ({ priority }))}>{t.priority[priority]}</Item>)}</Choose>
      <Choose name={t.bulk.tag} icon={<Tag size={17} />}>{tags.map(({ name }) => <Item key={name} act={change((task) => ({ tags: [...new Set([...task.tags, name])] }))}>{name}</Item>)}</Choose>
      <Act name={t.bulk.delete} icon={<Trash2 size={17} />} act={finish(() => doings.remove(tasks))} />
      <button className="grid size-9 place-items-center rounded-md hover:bg-paper/15 max-md:size-11" aria-label={t.bulk.clear} onClick={clear}><X size={17} /></button>
    </div>
  )
}

const LOOK = "flex min-h-9 items-center gap-2 rounded-md px-2.5 text-sm hover:bg-paper/15 max-md:min-h-11"

function Act({ name, icon, act }: { name: string; icon: ReactNode; act: () => void }) {
  return <button className={LOOK} aria-label={name} onClick={act}>{icon}<span className="max-md:hidden">{name}</span></button>
}

function Choose({ name, icon, children }: { name: string; icon: ReactNode; children: ReactNode }) {
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className={LOOK} aria-label={name}>{icon}<span className="max-md:hidden">{name}</span></Menu.Trigger>
      <Menu.Portal><Menu.Content side="top" sideOffset={10} className="floating appear max-h-72 min-w-40 overflow-y-auto p-1.5">{children}</Menu.Content></Menu.Portal>
    </Menu.Root>
  )
}

function Item({ act, children }: { act: () => void; children: ReactNode }) {
  return <Menu.Item className="menu-item" onSelect={act}>{children}</Menu.Item>
}
