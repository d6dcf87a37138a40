/** The filter language in one line: completion while typing, and the place of an error under the letter that it is about. */
import { X } from "lucide-react"
import { type KeyboardEvent, useRef, useState } from "react"
import { Refusal } from "@/api/client"
import { useTags } from "@/data/aside"
import { useWords } from "@/data/language"
import { complete, take } from "@/text/filter"

type Given = { filter: string; change: (filter: string) => void; refusal: Refusal | null; close: () => void }

export function FilterLine({ filter, change, refusal, close }: Given) {
  const t = useWords()
  const tags = useTags().map((tag) => tag.name)
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(filter)
  const [cursor, setCursor] = useState(-1)
  const [chosen, setChosen] = useState(0)
  const completion = cursor < 0 ? null : complete(text, cursor, tags)
  const write = (next: string) => {
    setText(next)
    setChosen(0)
    setCursor(input.current?.selectionStart ?? next.length)
  }
  const accept = (offer: string) => {
    const next = take(text, completion!, offer)
    setText(next)
    setChosen(0)
    setCursor(completion!.from + offer.length)
    requestAnimationFrame(() => input.current?.setSelectionRange(completion!.from + offer.length, completion!.from + offer.length))
  }
  const press = (event: KeyboardEvent) => {
    const offers = completion?.offers ?? []
    if (event.key === "ArrowDown" || event.key === "ArrowUp") setChosen((chosen + (event.key === "ArrowDown" ? 1 : offers.length - 1)) % Math.max(1, offers.length))
    else if (event.key === "Tab" && offers[chosen] && !event.shiftKey) accept(offers[chosen])
    else if (event.key === "Enter") change(text.trim())
    else if (event.key === "Escape") setCursor(-1)
    else return
    event.preventDefault()
  }
  return (
    <div className="relative">
      <div className="flex items-center gap-1">
        <input ref={input} autoFocus={!filter} value={text} onChange={(event) => write(event.target.value)} onFocus={(event) => setCursor(event.target.selectionStart ?? 0)} onBlur={() => { setCursor(-1); change(text.trim()) }} onKeyDown={press} spellCheck={false} autoCapitalize="off" autoComplete="off" role="combobox" aria-expanded={Boolean(completion?.offers.length)} aria-controls="filter-offers" aria-invalid={Boolean(refusal)} aria-label={t.search.expression} placeholder={t.search.example} className="field font-mono text-sm" />
        <button className="icon-button" aria-label={t.search.clear} onClick={() => { change(""); close() }}><X size={16} /></button>
      </div>
      {completion && completion.offers.length > 0 && <Offers offers={completion.offers} chosen={chosen} accept={accept} />}
      {refusal && filter && <Fault filter={filter} refusal={refusal} />}
    </div>
  )
}

function Offers({ offers, chosen, accept }: { offers: string[]; chosen: number; accept: (offer: string) => void }) {
  return (
    <ul id="filter-offers" role="listbox" className="floating absolute top-full left-0 mt-1 w-64 p-1.5">
      {offers.map((offer, n) => (
        <li key={offer} role="option" aria-selected={n === chosen} onMouseDown={(event) => { event.preventDefault(); accept(offer) }} className={`rounded px-2.5 py-1.5 font-mono text-sm ${n === chosen ? "bg-hover" : ""}`}>{offer}</li>
      ))}
    </ul>
  )
}

/** What the server did not understand, and where. */
function Fault({ filter, refusal }: { filter: string; refusal: Refusal }) {
  const t = useWords()
  const position = typeof refusal.problem.position === "number" ? refusal.problem.position : null
  return (
    <p role="alert" className="mt-1.5 px-1 text-sm text-late">
      {refusal.detail}
      {position !== null && <span className="mt-1 block font-mono whitespace-pre-wrap"><span className="sr-only">{t.search.at(position + 1)} </span>{filter.slice(0, position)}<mark className="bg-late-tint text-late underline decoration-wavy">{filter[position] ?? "␣"}</mark>{filter.slice(position + 1)}</span>}
    </p>
  )
}
