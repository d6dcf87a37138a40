/** What can be done to a saved view: another name, another place, the list that is on screen now, and the way out. */
import * as Dialog from "@radix-ui/react-dialog"
import * as Menu from "@radix-ui/react-dropdown-menu"
import { type FormEvent, useState } from "react"
import type { SavedView } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { useWords } from "@/data/language"
import { useNotices } from "@/data/notices"
import { usePlace } from "@/data/place"
import { asQuery, useSavedViews, useViews } from "@/data/views"
import type { MenuGiven } from "./late-menu"
import { Sheet } from "./sheet"

export function ViewMenu({ trigger, view }: MenuGiven & { view: SavedView }) {
  const t = useWords()
  const views = useViews()
  const all = useSavedViews()
  const { spec } = usePlace()
  const { tell } = useNotices()
  const attempt = useAttempt()
  const [renaming, setRenaming] = useState(false)
  const update = async () => {
    if (await attempt(() => views.change(view.id, { query: asQuery(spec) }))) tell({ text: t.search.saved(view.name), undo: () => void attempt(() => views.change(view.id, { query: view.query })) })
  }
  const remove = async () => {
    if (await attempt(() => views.remove(view.id))) tell({ text: t.saved.removed(view.name), undo: () => void attempt(() => views.create(view.name, view.query)) })
  }
  return (
    <>
      <Menu.Root modal={false} defaultOpen>
        <Menu.Trigger asChild>{trigger}</Menu.Trigger>
        <Menu.Portal>
          <Menu.Content align="start" sideOffset={4} className="floating appear min-w-48 p-1.5">
            <Menu.Item className="menu-item" onSelect={() => setRenaming(true)}>{t.saved.rename}</Menu.Item>
            {all[0]?.id !== view.id && <Menu.Item className="menu-item" onSelect={() => void attempt(() => views.lift(all, view.id))}>{t.saved.up}</Menu.Item>}
            <Menu.Item className="menu-item" onSelect={() => void update()}>{t.saved.update}</Menu.Item>
            <Menu.Item className="menu-item text-late" onSelect={() => void remove()}>{t.saved.remove}</Menu.Item>
          </Menu.Content>
        </Menu.Portal>
      </Menu.Root>
      {renaming && <Rename view={view} close={() => setRenaming(false)} />}
    </>
  )
}

function Rename({ view, close }: { view: SavedView; close: () => void }) {
  const t = useWords()
  const views = useViews()
  const attempt = useAttempt()
  const [name, setName] = useState(view.name)
  const save = async (event: FormEvent) => {
    event.preventDefault()
    if (name.trim() === view.name || (await attempt(() => views.change(view.id, { name: name.trim() })))) close()
  }
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Sheet title={t.saved.rename}>
        <form onSubmit={(event) => void save(event)} className="flex gap-2">
          <input autoFocus required maxLength={100} className="field" aria-label={t.search.saveName} value={name} onChange={(event) => setName(event.target.value)} />
          <button className="primary">{t.saved.save}</button>
        </form>
      </Sheet>
    </Dialog.Root>
  )
}
