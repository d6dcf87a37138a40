/** What a person takes along, as files, and brings: what came of each entry is said. */
import { Download } from "lucide-react"
import { type FormEvent, useEffect, useId, useRef, useState } from "react"
import type { ImportResult, Imported } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { bring, sayLeftOut, troublesOf } from "@/data/bring"
import { useWords } from "@/data/language"
import { useNotices } from "@/data/notices"
import { Labelled, Section } from "./section"

const MOST_SHOWN = 50

export function YourData() {
  const t = useWords()
  return (
    <Section title={t.data.title} explain={t.data.explain}>
      <div className="flex flex-wrap gap-2">
        <a className="plain" href="/v1/me/export" download><Download size={15} aria-hidden="true" />{t.data.all}</a>
        <a className="plain" href="/v1/me/export?format=ics" download><Download size={15} aria-hidden="true" />{t.data.calendar}</a>
      </div>
      <Import />
    </Section>
  )
}

function Import() {
  const t = useWords()
  const attempt = useAttempt()
  const [told, setTold] = useState<Imported>()
  const show = useOutcome(setTold)
  const explain = useId()
  const [file, setFile] = useState<File>()
  const [sending, setSending] = useState(false)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (!file || sending) return
    setTold(undefined)
    setSending(true)
    await attempt(async () => show(await bring(file)))
    setSending(false)
  }
  return (
    <div className="grid gap-3">
      <form onSubmit={submit} aria-busy={sending} className="grid items-end gap-3 sm:grid-cols-[1fr_auto]">
        <Labelled label={t.data.file}><input type="file" className="field file:mr-3 file:font-semibold" accept=".json,.ics,application/json,text/calendar" required aria-describedby={explain} onChange={(event) => setFile(event.target.files?.[0])} /></Labelled>
        <button className="plain min-h-10.5" disabled={sending}>{t.data.send}</button>
        <p id={explain} className="text-sm text-faint sm:col-span-2">{t.data.fileExplain}</p>
      </form>
      <div role="status">{sending ? <p className="text-sm text-soft">{t.data.sending}</p> : told && <Told told={told} />}</div>
      {told && <Troubles troubles={troublesOf(told)} />}
    </div>
  )
}

/** Shows it here; who went on meanwhile is told where they are. */
function useOutcome(show: (told: Imported) => void): (told: Imported) => void {
  const t = useWords()
  const { tell } = useNotices()
  const here = useRef(true)
  useEffect(() => {
    here.current = true
    return () => void (here.current = false)
  }, [])
  return (told) => (here.current ? show(told) : tell({ text: t.data.told(told.taken, told.there, told.refused) }))
}

function Told({ told }: { told: Imported }) {
  const t = useWords()
  const leftOut = sayLeftOut(told, t)
  return (
    <div className="rounded-md bg-tint p-3 text-sm">
      <p className="font-semibold">{t.data.told(told.taken, told.there, told.refused)}</p>
      {leftOut && <p>{leftOut}</p>}
    </div>
  )
}

function Troubles({ troubles }: { troubles: ImportResult[] }) {
  const t = useWords()
  if (troubles.length === 0) return null
  return (
    <div className="text-sm">
      <h3 className="label pb-2">{t.data.troubles}</h3>
      <ol className="grid gap-1">
        {troubles.slice(0, MOST_SHOWN).map((one) => <li key={one.position}><Trouble result={one} /></li>)}
      </ol>
      {troubles.length > MOST_SHOWN && <p className="mt-1 text-faint">{t.data.more(troubles.length - MOST_SHOWN)}</p>}
    </div>
  )
}

/** The entry by its place in the file; one that became a task leads there, in another tab: this list is told once. */
function Trouble({ result: { position, task_id: task, problem, not_taken: lacks = [] } }: { result: ImportResult }) {
  const t = useWords()
  const name = t.data.entry(position + 1)
  if (problem) return <><span className="font-semibold text-late">{name}</span> <span className="text-soft">{problem.detail}</span></>
  return <><a className="font-semibold underline decoration-line underline-offset-4" href={`/?view=all&task=${task}`} target="_blank">{name}</a> <span className="text-soft">{t.data.butNot(lacks.join(", "))}</span></>
}
