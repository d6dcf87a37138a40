/** Keys that work wherever nobody types: one listener, sequences such as `g t` included. */
import { useEffect, useRef } from "react"

export type Keys = Record<string, (event: KeyboardEvent) => void>

const PATIENCE = 900

function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null
  if (!element?.closest) return false
  return Boolean(element.closest("textarea, select, [contenteditable=true], [role=menu], [role=dialog][aria-modal=true], input:not([type=checkbox]):not([type=radio])"))
}

/** A button keeps its own keys, but for those of a task's row, where they mean the task. */
function isOwnKey(event: KeyboardEvent): boolean {
  const element = event.target as HTMLElement | null
  const pressed = event.key === " " || event.key === "Enter"
  return pressed && Boolean(element?.closest?.("button, a, summary, input")) && (event.key === "Enter" || !element?.closest("[data-task]"))
}

/** `Shift+j`, `Control+z`, `?`: a character carries its own shift. */
function nameOf(event: KeyboardEvent): string {
  const shift = event.shiftKey && (event.key.length > 1 || /[a-z]/i.test(event.key)) ? "Shift+" : ""
  const control = event.ctrlKey || event.metaKey ? "Control+" : ""
  return control + shift + (event.key.length === 1 ? event.key.toLowerCase() : event.key)
}

export function useKeys(keys: Keys): void {
  const current = useRef(keys)
  current.current = keys
  useEffect(() => {
    let before = ""
    let at = 0
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.altKey || isTyping(event.target) || isOwnKey(event)) return
      const name = nameOf(event)
      const sequence = Date.now() - at < PATIENCE ? `${before} ${name}` : name
      const act = current.current[sequence] ?? current.current[name]
      ;[before, at] = [name, Date.now()]
      if (!act) return
      event.preventDefault()
      act(event)
    }
    document.addEventListener("keydown", press)
    return () => document.removeEventListener("keydown", press)
  }, [])
}
