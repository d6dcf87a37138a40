/** Dead letters for the people who mend them: why, how often, the record itself, and the way back. */
import * as Dialog from "@radix-ui/react-dialog"
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { Refusal, ask, get } from "@/api/client"
import type { DeadLetter, Page } from "@/api/shapes"
import { useSaying } from "@/data/desk"
import { useNotices } from "@/data/notices"
import { Empty } from "@/parts/empty"
import { Failed } from "@/parts/failed"
import { Room } from "@/parts/room"
import { Sheet } from "@/parts/sheet"
import { sayInstant } from "@/text/say"

const KEY = ["dead-letters"]

export function Letters() {
  const { t } = useSaying()
  const { data, error, isSuccess } = useQuery({ queryKey: KEY, queryFn: ({ signal }) => get<Page<DeadLetter>>("/v1/dead-letters?limit=200", signal), refetchInterval: 10_000, staleTime: 0 })
  return (
    <Room title={t.letters.title} explain={t.letters.explain}>
      {error && <Failed error={error} />}
      {isSuccess && data.items.length === 0 && <Empty words={t.letters.none} />}
      <ul className="grid gap-3">{data?.items.map((one) => <li key={one.id}><Letter letter={one} /></li>)}</ul>
    </Room>
  )
}

function Letter({ letter }: { letter: DeadLetter }) {
  const saying = useSaying()
  const { t } = saying
  const [open, setOpen] = useState(false)
  return (
    <article className="rounded-lg border border-line bg-raised p-5">
      <p className="flex flex-wrap gap-x-3 text-sm text-faint"><span className="font-semibold text-ink">{letter.consumer}</span><span>{letter.event_type}</span><span>{sayInstant(letter.kept_at, saying)}</span><span>{t.letters.attempts(letter.attempts)}</span></p>
      <p className="mt-2 line-clamp-4 font-mono text-sm text-late">{letter.reason}</p>
      <p className="figures mt-1 text-xs text-faint">{letter.record_topic} · {letter.partition} · {letter.record_offset}</p>
      <div className="mt-4 flex flex-wrap gap-2">
        <Redrive letter={letter} />
        <Discard letter={letter} />
        <button className="quiet" aria-expanded={open} onClick={() => setOpen(!open)}>{t.letters.record}</button>
      </div>
      {open && <Record id={letter.id} trace={letter.trace} />}
    </article>
  )
}

function Record({ id, trace }: { id: string; trace: string }) {
  const { t } = useSaying()
  const { data } = useQuery({ queryKey: [...KEY, id], queryFn: ({ signal }) => get<DeadLetter>(`/v1/dead-letters/${id}`, signal) })
  const shape = "mt-3 max-h-80 overflow-auto rounded-md bg-paper p-3 text-xs whitespace-pre-wrap"
  return (
    <>
      <pre tabIndex={0} aria-label={t.letters.record} className={shape}>{pretty(data?.value ?? "")}</pre>
      {trace && <pre tabIndex={0} aria-label={t.letters.trace} className={shape}>{trace}</pre>}
    </>
  )
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

function Redrive({ letter }: { letter: DeadLetter }) {
  const { t } = useSaying()
  const client = useQueryClient()
  const { tell } = useNotices()
  const [superseded, setSuperseded] = useState("")
  const redrive = async (force: boolean) => {
    try {
      await ask("POST", `/v1/dead-letters/${letter.id}/redrive${force ? "?force=true" : ""}`)
      tell({ text: t.letters.redriven })
    } catch (error) {
      if (error instanceof Refusal && error.code === "superseded") return setSuperseded(error.detail)
      tell({ text: t.done.refused, detail: (error as Error).message, tone: "late" })
    }
    void client.invalidateQueries({ queryKey: KEY })
  }
  return (
    <>
      <button className="primary" onClick={() => void redrive(superseded !== "")}>{superseded ? t.letters.force : t.letters.redrive}</button>
      {superseded && <p role="alert" className="w-full text-sm text-late">{superseded}</p>}
    </>
  )
}

function Discard({ letter }: { letter: DeadLetter }) {
  const { t } = useSaying()
  const client = useQueryClient()
  const { tell } = useNotices()
  const discard = async () => {
    await ask("DELETE", `/v1/dead-letters/${letter.id}`).then(() => tell({ text: t.letters.discarded }), (error: Error) => tell({ text: t.done.refused, detail: error.message, tone: "late" }))
    void client.invalidateQueries({ queryKey: KEY })
  }
  return (
    <Dialog.Root>
      <Dialog.Trigger className="danger">{t.letters.discard}</Dialog.Trigger>
      <Sheet title={t.letters.confirm}>
        <div className="flex gap-2"><button className="danger" onClick={() => void discard()}>{t.letters.discard}</button><Dialog.Close className="plain">{t.letters.keep}</Dialog.Close></div>
      </Sheet>
    </Dialog.Root>
  )
}
