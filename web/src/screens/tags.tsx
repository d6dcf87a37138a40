/** Every tag: renamed everywhere, put together with another one, or taken off all tasks. */
import * as Dialog from "@radix-ui/react-dialog"
import { useQueryClient } from "@tanstack/react-query"
import { Trash2 } from "lucide-react"
import Link from "next/link"
import { type FormEvent, useState } from "react"
import { ask } from "@/api/client"
import type { Tag } from "@/api/shapes"
import { useTags } from "@/data/tags"
import { useAttempt } from "@/data/attempt"
import { useWords } from "@/data/language"
import { useNotices } from "@/data/notices"
import { PLAIN } from "@/data/place"
import { writeSpec } from "@/data/spec"
import { Empty } from "@/parts/empty"
import { Room } from "@/parts/room"
import { Sheet } from "@/parts/sheet"
import { TagDot } from "@/parts/tag-dot"

export function Tags() {
  const t = useWords()
  const tags = useTags()
  return (
    <Room title={t.nav.tags} explain={t.tags.explain}>
      {tags.length === 0 && <Empty words={t.tags.none} />}
      <ul className="border-t border-line">{tags.map((tag) => <li key={tag.name} className="border-b border-line"><TagLine tag={tag} tags={tags} /></li>)}</ul>
    </Room>
  )
}

const path = (name: string) => `/v1/tags/${encodeURIComponent(name)}`

/** What a rename is asked for with, and undone with. */
function useRename(): (from: string, to: string) => Promise<boolean> {
  const client = useQueryClient()
  const attempt = useAttempt()
  return (from, to) => attempt(async () => {
    await ask("PATCH", path(from), { key: crypto.randomUUID(), wait: 20, body: { name: to } })
    await client.invalidateQueries({ queryKey: ["aside"] })
  })
}

function TagLine({ tag, tags }: { tag: Tag; tags: Tag[] }) {
  const t = useWords()
  const { tell } = useNotices()
  const rename = useRename()
  const [text, setText] = useState(tag.name)
  const [merging, setMerging] = useState<string | null>(null)
  const wanted = text.trim().replace(/^#/, "")
  const other = tags.find((one) => one.name !== tag.name && one.name.toLowerCase() === wanted.toLowerCase())
  const save = async (event?: FormEvent) => {
    event?.preventDefault()
    if (!wanted || wanted === tag.name) return setText(tag.name)
    // Two that became one cannot be told apart again: that is asked first.
    if (other) return setMerging(other.name)
    if (await rename(tag.name, wanted)) tell({ text: t.tags.renamed(tag.name, wanted), undo: () => void rename(wanted, tag.name) })
  }
  const merge = async () => {
    setMerging(null)
    if (await rename(tag.name, wanted)) tell({ text: t.tags.merged(tag.name, wanted) })
  }
  return (
    <div className="flex min-h-12 items-center gap-2 pr-1">
      <TagDot tag={tag.name} />
      <form onSubmit={(event) => void save(event)} className="min-w-0 flex-1">
        <input className="w-full rounded-md bg-transparent px-2 py-1.5 outline-offset-0 hover:bg-hover focus:bg-raised" aria-label={t.tags.rename(tag.name)} value={text} maxLength={64} onChange={(event) => setText(event.target.value)} onBlur={() => void save()} onKeyDown={(event) => event.key === "Escape" && setText(tag.name)} />
      </form>
      <Link href={`/?${writeSpec({ ...PLAIN, view: "all", tags: [tag.name] })}`} className="quiet figures shrink-0 font-normal">{t.tags.tasks(tag.count)}</Link>
      <Remove tag={tag} />
      {merging && <Dialog.Root open onOpenChange={(open) => { if (!open) { setMerging(null); setText(tag.name) } }}><Sheet title={t.tags.mergeTitle(tag.name, merging)} description={t.tags.mergeExplain(tag.count)}>
        <div className="flex gap-2"><button className="primary" onClick={() => void merge()}>{t.tags.merge}</button><Dialog.Close className="plain">{t.tags.keep}</Dialog.Close></div>
      </Sheet></Dialog.Root>}
    </div>
  )
}

function Remove({ tag }: { tag: Tag }) {
  const t = useWords()
  const client = useQueryClient()
  const attempt = useAttempt()
  const remove = () => attempt(async () => {
    await ask("DELETE", path(tag.name), { key: crypto.randomUUID(), wait: 20 })
    await client.invalidateQueries({ queryKey: ["aside"] })
  }, t.tags.removed(tag.name))
  return (
    <Dialog.Root>
      <Dialog.Trigger className="icon-button hover:text-late" aria-label={t.tags.remove(tag.name)}><Trash2 size={16} /></Dialog.Trigger>
      <Sheet title={t.tags.removeTitle(tag.name)} description={t.tags.removeExplain(tag.count)}>
        <div className="flex gap-2"><Dialog.Close className="danger" onClick={() => void remove()}>{t.tags.removeIt}</Dialog.Close><Dialog.Close className="plain">{t.tags.keep}</Dialog.Close></div>
      </Sheet>
    </Dialog.Root>
  )
}
