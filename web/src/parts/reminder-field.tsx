/** When to tell the person: counted from the due time, added and removed one by one. */
import * as Menu from "@radix-ui/react-dropdown-menu"
import { Plus, X } from "lucide-react"
import type { Reminder, Task } from "@/api/shapes"
import { useSaying } from "@/data/desk"
import type { Fields } from "@/data/writes"
import { sayBefore, sayInstant } from "@/text/say"

const OFFERED = ["PT0S", "PT5M", "PT15M", "PT30M", "PT1H", "PT3H", "P1D", "P2D", "P7D"]

/** What is sent: what the server added is left to it. */
function plain({ id, before, at, channels }: Reminder): Reminder {
  return { ...(id ? { id } : {}), ...(before ? { before } : { at }), ...(channels?.length ? { channels } : {}) }
}

export function ReminderField({ task, change }: { task: Task; change: (changes: Fields) => void }) {
  const saying = useSaying()
  const { t } = saying
  const set = (reminders: Reminder[]) => change({ reminders: reminders.map(plain) })
  const dated = Boolean(task.due_at || task.due_on)
  const free = OFFERED.filter((before) => !task.reminders.some((one) => one.before === before))
  return (
    <div className="pt-0.5">
      {task.reminders.map((one, n) => (
        <div key={one.id ?? n} className="flex items-center">
          <span className="px-2 py-1">{one.before ? sayBefore(one.before, saying) : one.at ? t.remind.at(sayInstant(one.at, saying)) : ""}</span>
          <button className="icon-button" aria-label={t.remind.remove} onClick={() => set(task.reminders.filter((other) => other !== one))}><X size={15} /></button>
        </div>
      ))}
      {!dated && task.reminders.length === 0 ? <p className="px-2 pt-1 text-faint">{t.remind.needsDate}</p> : (
        <Menu.Root modal={false}>
          <Menu.Trigger className="flex min-h-8 items-center gap-1.5 rounded-md px-2 text-faint hover:bg-hover max-md:min-h-11"><Plus size={15} aria-hidden="true" />{t.remind.add}</Menu.Trigger>
          <Menu.Portal>
            <Menu.Content align="start" className="floating appear p-1.5">
              {free.map((before) => <Menu.Item key={before} className="menu-item" onSelect={() => set([...task.reminders, { before }])}>{sayBefore(before, saying)}</Menu.Item>)}
            </Menu.Content>
          </Menu.Portal>
        </Menu.Root>
      )}
    </div>
  )
}
