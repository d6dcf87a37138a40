/** The filter language in one line: completion while typing, and the place of an error under the letter that it is about. */
import { X } from "lucide-react"
import { type ChangeEvent, type FocusEvent, type KeyboardEvent, type SyntheticEvent, useId, useRef, useState } from "react"
import type { Refusal } from "@/api/client"
import { type Offer, useCompletion } from "@/data/completion"
import { useWords } from "@/data/language"

type Given = { filter: string; change: (filter: string) => void; refusal: Refusal | null; close: () => void }

const OPEN = new Set(["field", "operator"])

export function FilterLine({ filter, change, refusal, close }: Given) {
  const t = useWords()
  const id = useId()
  const { text, chosen, offers, accept, on } = useWriting(filter, change)
  return (
    <div>
      <div className="relative flex items-center gap-1">
        <input {...on} autoFocus={!filter} value={text} spellCheck={false} autoCapitalize="off" autoComplete="off" role="combobox" aria-autocomplete="list" aria-expanded={offers.length > 0} aria-controls={`${id}offers`} aria-activedescendant={chosen >= 0 ? `${id}${chosen}` : undefined} aria-invalid={Boolean(refusal)} aria-describedby={refusal ? `${id}fault` : undefined} aria-label={t.search.expression} placeholder={t.search.example} maxLength={2000} className="field font-mono text-sm" />
        <button className="icon-button" aria-label={t.search.noExpression} onClick={() => { change(""); close() }}><X size={16} /></button>
        {offers.length > 0 && <Offers id={id} offers={offers} chosen={chosen} accept={accept} />}
      </div>
      {refusal && filter && filter === text.trim() && <Fault id={`${id}fault`} filter={filter} refusal={refusal} />}
    </div>
  )
}

/** What is written, where, and what could come next; it holds once the line is left or Enter is pressed. */
function useWriting(filter: string, change: (filter: string) => void) {
  const input = useRef<HTMLInputElement>(null)
  const [text, setText] = useState(filter)
  const [cursor, setCursor] = useState<number | null>(null)
  const [chosen, setChosen] = useState(-1)
  const { offers, from } = useCompletion(text, cursor)
  const write = (next: string, at: number | null) => {
    setText(next)
    setChosen(-1)
    setCursor(at)
  }
  const accept = (offer: Offer) => {
    const rest = text.slice(cursor ?? text.length)
    // A field goes on with its operator and that with a value; after all else something new may begin.
    const space = OPEN.has(offer.kind) || offer.text.endsWith(" ") || rest.startsWith(" ") ? "" : " "
    const at = from + offer.text.length + space.length
    write(text.slice(0, from) + offer.text + space + rest, at)
    requestAnimationFrame(() => input.current?.setSelectionRange(at, at))
  }
  const leave = () => {
    setCursor(null)
    change(text.trim())
  }
  const on = {
    ref: input, onBlur: leave,
    onChange: (event: ChangeEvent<HTMLInputElement>) => write(event.target.value, event.target.selectionStart),
    onFocus: (event: FocusEvent<HTMLInputElement>) => setCursor(event.target.selectionStart),
    onSelect: (event: SyntheticEvent<HTMLInputElement>) => cursor !== null && setCursor(event.currentTarget.selectionStart),
    onKeyDown: (event: KeyboardEvent) => press(event, { offers, chosen, choose: setChosen, accept, leave, hide: () => setCursor(null) }),
  }
  return { text, chosen, offers, accept, on }
}

type Pressed = { offers: Offer[]; chosen: number; choose: (n: number) => void; accept: (offer: Offer) => void; leave: () => void; hide: () => void }

function press(event: KeyboardEvent, { offers, chosen, choose, accept, leave, hide }: Pressed): void {
  const best = offers[Math.max(0, chosen)]
  if (event.key === "ArrowDown" && best) choose((chosen + 1) % offers.length)
  else if (event.key === "ArrowUp" && best) choose(chosen <= 0 ? offers.length - 1 : chosen - 1)
  else if (event.key === "Tab" && !event.shiftKey && best) accept(best)
  else if (event.key === "Enter" && best && chosen >= 0) accept(best)
  else if (event.key === "Enter") leave()
  else if (event.key === "Escape" && best) hide()
  else return
  event.preventDefault()
}

function Offers({ id, offers, chosen, accept }: { id: string; offers: Offer[]; chosen: number; accept: (offer: Offer) => void }) {
  const t = useWords()
  return (
    <ul id={`${id}offers`} role="listbox" aria-label={t.search.offers} className="floating appear absolute top-full left-0 mt-1 max-h-80 w-72 overflow-y-auto p-1.5">
      {offers.map((offer, n) => (
        <li key={offer.text} id={`${id}${n}`} role="option" aria-selected={n === chosen} onMouseDown={(event) => { event.preventDefault(); accept(offer) }} className={`flex min-h-8 items-center justify-between gap-4 rounded px-2.5 text-sm max-md:min-h-11 ${n === chosen ? "bg-hover" : "hover:bg-hover"}`}>
          <span className="truncate font-mono">{offer.text}</span><span className="text-xs text-faint">{t.search.kinds[offer.kind] ?? offer.kind}</span>
        </li>
      ))}
    </ul>
  )
}

/** What the server did not understand, and where. */
function Fault({ id, filter, refusal }: { id: string; filter: string; refusal: Refusal }) {
  const t = useWords()
  const position = typeof refusal.problem.position === "number" ? refusal.problem.position : null
  const rest = position === null ? [] : [...filter.slice(position)]
  return (
    <div id={id} role="alert" className="mt-2 rounded-md bg-late-tint px-3 py-2 text-sm text-late">
      <p>{refusal.field("filter") ?? refusal.detail}</p>
      {position !== null && (
        <p className="mt-1 font-mono whitespace-pre-wrap text-ink"><span className="sr-only">{t.search.at(position + 1)} </span>{filter.slice(0, position)}<mark className="bg-transparent font-semibold text-late underline decoration-wavy underline-offset-4">{rest[0] ?? "␣"}</mark>{rest.slice(1).join("")}</p>
      )}
    </div>
  )
}
