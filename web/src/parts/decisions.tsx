/** What a person must decide: refused writes and real conflicts, both values in sight. */
import * as Dialog from "@radix-ui/react-dialog"
import { useState } from "react"
import { useDesk, useSaying } from "@/data/desk"
import { useWords } from "@/data/language"
import type { Conflict, Entry } from "@/data/writes"
import { sayValue } from "@/text/value"
import { Sheet } from "./sheet"

export default function Decisions({ entries, close }: { entries: Entry[]; close: () => void }) {
  const t = useWords()
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Sheet title={t.unsaved.title} description={t.unsaved.explain}>
        <ul className="grid gap-4">{entries.map((entry) => <li key={entry.key}>{entry.state === "conflict" ? <Decision entry={entry} /> : <Refused entry={entry} />}</li>)}</ul>
      </Sheet>
    </Dialog.Root>
  )
}

function Refused({ entry }: { entry: Entry }) {
  const saying = useSaying()
  const { t } = saying
  const { outbox } = useDesk()
  const [one] = entry.operations
  const words = one?.op === "create" ? one.task : one?.op === "update" ? one.changes : {}
  return (
    <section className="rounded-lg border border-line p-4">
      <p className="text-sm font-semibold text-late">{entry.reason}</p>
      <dl className="mt-2 grid gap-1 text-sm">
        {Object.entries(words).filter(([, value]) => value).map(([name, value]) => (
          <div key={name} className="flex gap-2"><dt className="text-faint">{t.fields[name as keyof typeof t.fields] ?? name}</dt><dd className="line-clamp-4 min-w-0">{sayValue(name, value, saying) || saying.t.unsaved.empty}</dd></div>
        ))}
      </dl>
      <div className="mt-3 flex gap-2">
        <button className="plain" onClick={() => outbox.settleRefused(entry.key, true)}>{t.unsaved.again}</button>
        <button className="danger" onClick={() => outbox.settleRefused(entry.key, false)}>{t.unsaved.discard}</button>
      </div>
    </section>
  )
}

function Decision({ entry }: { entry: Entry }) {
  const t = useWords()
  const { outbox } = useDesk()
  const conflicts = entry.conflicts ?? []
  const [mine, setMine] = useState(conflicts.map((one) => one.field as string))
  const choose = (field: string, own: boolean) => setMine(own ? [...mine, field] : mine.filter((one) => one !== field))
  return (
    <section className="rounded-lg border border-line p-4">
      <p className="text-sm font-semibold">{t.unsaved.conflict}: {entry.current?.title}</p>
      {conflicts.map((one) => <Choice key={one.field} name={`${entry.key}-${one.field}`} conflict={one} own={mine.includes(one.field)} choose={(own) => choose(one.field, own)} />)}
      <button className="primary mt-4" onClick={() => outbox.decide(entry.key, mine)}>{mine.length > 0 ? t.unsaved.keepMine : t.unsaved.keepTheirs}</button>
    </section>
  )
}

function Choice({ name, conflict, own, choose }: { name: string; conflict: Conflict; own: boolean; choose: (own: boolean) => void }) {
  const saying = useSaying()
  const { t } = saying
  const option = (title: string, value: unknown, chosen: boolean, pick: () => void) => (
    <label className={`flex cursor-pointer gap-3 rounded-md border p-3 ${chosen ? "border-accent bg-tint" : "border-line"}`}>
      <input type="radio" name={name} checked={chosen} onChange={pick} className="mt-1 size-4 accent-accent" />
      <span className="min-w-0"><span className="eyebrow block">{title}</span><span className="line-clamp-6 text-sm whitespace-pre-wrap">{sayValue(conflict.field, value, saying) || t.unsaved.empty}</span></span>
    </label>
  )
  return (
    <fieldset className="mt-3 grid gap-2">
      <legend className="label mb-1">{t.fields[conflict.field]}</legend>
      {option(t.unsaved.mine, conflict.mine, own, () => choose(true))}
      {option(t.unsaved.theirs, conflict.theirs, !own, () => choose(false))}
    </fieldset>
  )
}
