/** A menu's button before its menu: what opens is fetched when somebody reaches for it, so that the first screen is light. */
import { type ComponentType, type ReactElement, type ReactNode, useState } from "react"

/** What a late menu is given: its button, already there. */
export type MenuGiven = { trigger: ReactElement }

type Given<T> = { name: string; icon: ReactNode; active: boolean; className?: string; labelled?: boolean; bare?: boolean; load: () => Promise<ComponentType<MenuGiven & T>>; given: T }

export function LateMenu<T extends object>({ name, icon, active, className, labelled, bare, load, given }: Given<T>) {
  const [Menu, setMenu] = useState<ComponentType<MenuGiven & T>>()
  const look = className ?? `quiet ${active ? "text-accent" : ""}`
  const words = !bare && <span className={labelled ? "" : "max-md:hidden"}>{name}</span>
  const trigger = <button className={look} aria-label={labelled ? undefined : name} aria-haspopup="menu">{icon}{words}</button>
  if (Menu) return <Menu trigger={trigger} {...given} />
  const open = () => void load().then((found) => setMenu(() => found))
  return <button className={look} aria-label={labelled ? undefined : name} aria-haspopup="menu" aria-expanded={false} onPointerEnter={() => void load()} onFocus={() => void load()} onClick={open}>{icon}{words}</button>
}
