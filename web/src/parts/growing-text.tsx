/** A text that grows with what is typed, and is kept shortly after the last key and on leaving. */
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react"

type Given = { value: string; save: (text: string) => void; label: string; most: number; oneLine?: boolean; className?: string }

const PAUSE_MS = 700

export function GrowingText({ value, save, label, most, oneLine, className }: Given) {
  const field = useRef<HTMLTextAreaElement>(null)
  const [text, setText] = useState(value)
  const draft = useRef<string | null>(null)
  const saveNow = useRef(save)
  saveNow.current = save
  const flush = useCallback(() => {
    const typed = draft.current
    draft.current = null
    if (typed !== null) saveNow.current(typed)
  }, [])
  // What others change shows, unless one is typing here.
  useEffect(() => {
    if (draft.current === null && document.activeElement !== field.current) setText(value)
  }, [value])
  useEffect(() => {
    if (draft.current === null) return
    const timer = setTimeout(flush, PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text, flush])
  useEffect(() => flush, [flush])
  useLayoutEffect(() => {
    if (!field.current) return
    field.current.style.height = "0"
    field.current.style.height = `${field.current.scrollHeight}px`
  }, [text])
  const change = (typed: string) => {
    const next = oneLine ? typed.replace(/[\r\n]+/g, " ") : typed
    draft.current = next
    setText(next)
  }
  const leave = () => {
    flush()
    if (oneLine && !text.trim()) setText(value)
  }
  return (
    <textarea ref={field} rows={1} dir="auto" value={text} maxLength={most} aria-label={label} placeholder={label} onChange={(event) => change(event.target.value)} onBlur={leave} onKeyDown={(event) => oneLine && event.key === "Enter" && (event.preventDefault(), event.currentTarget.blur())} className={`-mx-2 block w-[calc(100%+1rem)] resize-none overflow-hidden rounded-md bg-transparent px-2 py-1.5 outline-offset-0 hover:bg-hover focus:bg-paper ${className ?? ""}`} />
  )
}
