/** Search as one types, filters, order, and a view worth keeping; all of it stands in the address. */
import { ArrowDownUp, Bookmark, ListFilter, Search, X } from "lucide-react"
import { type ReactNode, memo, useEffect, useRef, useState } from "react"
import { Refusal } from "@/api/client"
import { useAttempt } from "@/data/attempt"
import { useWords } from "@/data/language"
import { useAskAhead } from "@/data/list"
import { useNotices } from "@/data/notices"
import { PLAIN, usePlace } from "@/data/place"
import { type Spec, isNarrowed } from "@/data/spec"
import { asQuery, useSavedViews, useViews } from "@/data/views"
import { FilterLine } from "./filter-line"
import { LateMenu } from "./late-menu"

export const Toolbar = memo(function Toolbar({ refusal }: { refusal: Refusal | null }) {
  const { spec, show } = usePlace()
  const [expert, setExpert] = useState(false)
  return (
    <div className="grid gap-2">
      <div className="flex items-center gap-1">
        <SearchField />
        <Menus expert={() => setExpert(true)} />
      </div>
      {(expert || spec.filter) && <FilterLine key={spec.view} filter={spec.filter} change={(filter) => show({ filter }, true)} refusal={refusal} close={() => setExpert(false)} />}
      <Chips />
    </div>
  )
})

const load = () => import("./toolbar-menus")

function Menus({ expert }: { expert: () => void }) {
  const t = useWords()
  const { spec } = usePlace()
  return (
    <>
      <LateMenu name={t.search.filters} icon={<ListFilter size={16} />} active={isNarrowed({ ...spec, q: "" })} load={() => load().then(({ FilterMenu }) => FilterMenu)} given={{ expert }} />
      <LateMenu name={t.search.sort} icon={<ArrowDownUp size={16} />} active={spec.sort !== ""} load={() => load().then(({ SortMenu }) => SortMenu)} given={{}} />
    </>
  )
}

function SearchField() {
  const t = useWords()
  const { spec, show } = usePlace()
  const askAhead = useAskAhead()
  const [text, setText] = useState(spec.q)
  const field = useRef<HTMLInputElement>(null)
  // The address follows what is typed, and never overtakes it.
  useEffect(() => {
    if (document.activeElement !== field.current) setText(spec.q)
  }, [spec.q])
  const change = (q: string) => {
    // From today's few tasks a search goes to all of them.
    const next: Partial<Spec> = { q, ...(q.trim() && !spec.q.trim() ? { view: "all" } : {}) }
    askAhead({ ...spec, ...next })
    setText(q)
    show(next, true)
  }
  return (
    <div className="relative flex-1">
      <Search size={16} aria-hidden="true" className="pointer-events-none absolute top-1/2 left-3 -translate-y-1/2 text-faint" />
      <input ref={field} id="search" type="search" value={text} maxLength={500} autoComplete="off" aria-label={t.search.label} placeholder={t.search.placeholder} onChange={(event) => change(event.target.value)} onKeyDown={(event) => leave(event, text, change)} className="min-h-9 w-full rounded-md bg-transparent pr-9 pl-9 text-base outline-offset-0 transition-colors hover:bg-hover focus:bg-raised max-md:min-h-11 [&::-webkit-search-cancel-button]:hidden" />
      {text && <button className="icon-button absolute top-1/2 right-1 -translate-y-1/2" aria-label={t.search.clear} onClick={() => change("")}><X size={15} /></button>}
    </div>
  )
}

function leave(event: React.KeyboardEvent<HTMLInputElement>, text: string, change: (q: string) => void): void {
  if (event.key === "Escape") text ? change("") : event.currentTarget.blur()
  if (event.key === "Enter" || event.key === "ArrowDown") document.querySelector<HTMLElement>("[data-task] [data-title]")?.focus()
}

// --- what narrows ------------------------------------------------------------------------------

function Chips() {
  const t = useWords()
  const { spec, show } = usePlace()
  if (!isNarrowed(spec) && !spec.sort) return null
  const reset: Partial<Spec> = { ...PLAIN, view: spec.view }
  return (
    <div className="flex flex-wrap items-center gap-2 px-1 pb-1 text-sm">
      {spec.status && <Chip clear={() => show({ status: null })}>{t.status[spec.status]}</Chip>}
      {spec.priority && <Chip clear={() => show({ priority: null })}>{t.fields.priority}: {t.priority[spec.priority]}</Chip>}
      {spec.tags.map((tag) => <Chip key={tag} clear={() => show({ tags: spec.tags.filter((one) => one !== tag) })}>#{tag}</Chip>)}
      {spec.sort && <Chip clear={() => show({ sort: "" })}>{spec.sort.split(",").map((key) => t.search.sorts[key] ?? key).join(", ")}</Chip>}
      <SaveView />
      <button className="quiet min-h-8" onClick={() => show(reset)}>{t.search.reset}</button>
    </div>
  )
}

function Chip({ clear, children }: { clear: () => void; children: ReactNode }) {
  const t = useWords()
  return (
    <span className="flex items-center gap-1 rounded-full bg-tint py-0.5 pr-0.5 pl-3">
      {children}
      <button className="grid size-7 place-items-center rounded-full hover:bg-hover" aria-label={t.tags.remove(String(children))} onClick={clear}><X size={14} /></button>
    </span>
  )
}

function SaveView() {
  const t = useWords()
  const { spec } = usePlace()
  const kept = useSavedViews()
  const views = useViews()
  const attempt = useAttempt()
  const { tell } = useNotices()
  const [name, setName] = useState<string | null>(null)
  if (name === null) return <button className="quiet min-h-8" onClick={() => setName("")}><Bookmark size={15} />{t.search.save}</button>
  const save = async () => {
    setName(null)
    const wanted = name.trim()
    if (!wanted) return
    // The same name is the same view, with what is on screen now.
    const same = kept.find((view) => view.name.toLowerCase() === wanted.toLowerCase())
    const work = () => (same ? views.change(same.id, { query: asQuery(spec) }) : views.create(wanted, asQuery(spec)))
    const undo = same && (() => void attempt(() => views.change(same.id, { query: same.query })))
    if (await attempt(work)) tell({ text: t.search.saved(wanted), undo })
  }
  return <input autoFocus className="field w-44 py-1" aria-label={t.search.saveName} placeholder={t.search.saveName} maxLength={100} value={name} onChange={(event) => setName(event.target.value)} onBlur={() => void save()} onKeyDown={(event) => (event.key === "Enter" ? void save() : event.key === "Escape" && setName(null))} />
}
