/** The tags of a task, with those offered that exist. */
import { X } from "lucide-react"
import { type KeyboardEvent, useState } from "react"
import type { Task } from "@/api/shapes"
import { useTags } from "@/data/tags"
import { useSaying } from "@/data/desk"
import type { Fields } from "@/data/writes"
import { TagDot } from "./tag-dot"

export function TagField({ task, change }: { task: Task; change: (changes: Fields) => void }) {
  const { t } = useSaying()
  const [text, setText] = useState("")
  const offered = useTags().filter(({ name }) => !has(task, name))
  const add = () => {
    const tag = text.replace(/^#/, "").trim()
    setText("")
    if (tag && !has(task, tag)) change({ tags: [...task.tags, tag] })
  }
  const press = (event: KeyboardEvent) => {
    if (event.key === "Enter" || event.key === ",") {
      event.preventDefault()
      add()
    }
    if (event.key === "Backspace" && !text && task.tags.length > 0) change({ tags: task.tags.slice(0, -1) })
  }
  return (
    <div className="flex flex-wrap items-center gap-1 pt-0.5">
      {task.tags.map((tag) => (
        <span key={tag} className="flex min-h-8 max-w-full items-center rounded-md bg-hover pl-1 text-sm">
          <TagDot tag={tag} /><span className="truncate px-1">{tag}</span>
          <button className="grid size-7 place-items-center rounded-md hover:text-late" aria-label={t.tags.remove(tag)} onClick={() => change({ tags: task.tags.filter((one) => one !== tag) })}><X size={13} /></button>
        </span>
      ))}
      <input list="tags-offered" value={text} maxLength={64} aria-label={t.tags.add} placeholder={t.tags.add} onChange={(event) => setText(event.target.value)} onKeyDown={press} onBlur={add} className="min-h-8 w-28 flex-1 rounded-md bg-transparent px-2 outline-offset-0 hover:bg-hover max-md:min-h-11" />
      <datalist id="tags-offered">{offered.map(({ name }) => <option key={name} value={name} />)}</datalist>
    </div>
  )
}

function has(task: Task, tag: string): boolean {
  return task.tags.some((one) => one.toLowerCase() === tag.toLowerCase())
}
