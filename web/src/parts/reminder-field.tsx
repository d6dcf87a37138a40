/** When to tell the person: counted from the due time or the start, added and removed one by one. */
import * as Menu from "@radix-ui/react-dropdown-menu"
import { Plus, X } from "lucide-react"
import type { Reminder, Task } from "@/api/shapes"
import { useSaying } from "@/data/desk"
import type { Fields } from "@/data/writes"
import { sayBefore, sayInstant } from "@/text/say"

const OFFERED = ["PT0S", "PT5M", "PT15M", "PT30M", "PT1H", "PT3H", "P1D", "P2D", "P7D", "-PT30M", "-P1D"]
const FROM_START = ["PT0S", "PT15M", "PT1H", "P1D", "-PT30M"]

/** What is sent: what the server added is left to it. */
function plain({ id, before, at, relative_to: base, channels }: Reminder): Reminder {
  return { ...(id ? { id } : {}), ...(before ? { before } : { at }), ...(before && base === "start" ? { relative_to: base } : {}), ...(channels?.length ? { channels } : {}) }
}

export function ReminderField({ task, change }: { task: Task; change: (changes: Fields) => void }) {
  const saying = useSaying()
  const { t } = saying
  const set = (reminders: Reminder[]) => change({ reminders: reminders.map(plain) })
  const dated = Boolean(task.due_at || task.due_on)
  const started = Boolean(task.start_at || task.start_on)
  const offered: Reminder[] = [...(dated ? OFFERED.map((before) => ({ before })) : []), ...(started ? FROM_START.map((before) => ({ before, relative_to: "start" as const })) : [])]
  const free = offered.filter((one) => !task.reminders.some((other) => other.before === one.before && (other.relative_to ?? "due") === (one.relative_to ?? "due")))
  return (
    <div className="pt-0.5">
      {task.reminders.map((one, n) => (
        <div key={one.id ?? n} className="flex items-center">
          <span className="px-2 py-1">{one.before ? sayBefore(one.before, saying, one.relative_to) : one.at ? t.remind.at(sayInstant(one.at, saying)) : ""}</span>
          <button className="icon-button" aria-label={t.remind.remove} onClick={() => set(task.reminders.filter((other) => other !== one))}><X size={15} /></button>
        </div>
      ))}
      {!dated && !started && task.reminders.length === 0 ? <p className="px-2 pt-1 text-faint">{t.remind.needsDate}</p> : (
        <Menu.Root modal={false}>
          <Menu.Trigger className="flex min-h-8 items-center gap-1.5 rounded-md px-2 text-faint hover:bg-hover max-md:min-h-11"><Plus size={15} aria-hidden="true" />{t.remind.add}</Menu.Trigger>
          <Menu.Portal>
            <Menu.Content align="start" className="floating appear max-h-80 overflow-y-auto p-1.5">
              {free.map((one) => <Menu.Item key={`${one.relative_to ?? "due"} ${one.before}`} className="menu-item" onSelect={() => set([...task.reminders, one])}>{sayBefore(one.before!, saying, one.relative_to)}</Menu.Item>)}
            </Menu.Content>
          </Menu.Portal>
        </Menu.Root>
      )}
    </div>
  )
}
