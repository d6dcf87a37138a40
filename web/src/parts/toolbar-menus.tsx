/** The menus of filters and order; apart, because they come when somebody reaches for them. */
import * as Menu from "@radix-ui/react-dropdown-menu"
import { Check } from "lucide-react"
import type { ReactNode } from "react"
import { useTags } from "@/data/tags"
import { useWords } from "@/data/language"
import { usePlace } from "@/data/place"
import { SORTS } from "@/data/spec"
import type { MenuGiven } from "./late-menu"

function MenuFrame({ trigger, children }: { trigger: ReactNode; children: ReactNode }) {
  return (
    <Menu.Root modal={false} defaultOpen>
      <Menu.Trigger asChild>{trigger}</Menu.Trigger>
      <Menu.Portal>
        <Menu.Content align="end" sideOffset={6} className="floating appear max-h-[70vh] w-60 overflow-y-auto p-1.5">{children}</Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  )
}

function Option({ chosen, choose, children }: { chosen: boolean; choose: () => void; children: ReactNode }) {
  return (
    <Menu.CheckboxItem className="menu-item" checked={chosen} onCheckedChange={choose}>
      <span className="w-4 text-accent"><Menu.ItemIndicator><Check size={15} /></Menu.ItemIndicator></span>{children}
    </Menu.CheckboxItem>
  )
}

const STATUSES = ["open", "done", "cancelled"] as const
const PRIORITIES = ["high", "medium", "low", "none"] as const

export function FilterMenu({ trigger, expert }: MenuGiven & { expert: () => void }) {
  const t = useWords()
  const tags = useTags()
  const { spec, show } = usePlace()
  const tagged = (tag: string) => (spec.tags.includes(tag) ? spec.tags.filter((one) => one !== tag) : [...spec.tags, tag])
  return (
    <MenuFrame trigger={trigger}>
      <Menu.Label className="eyebrow px-2.5 py-1.5">{t.search.priority}</Menu.Label>
      {PRIORITIES.map((one) => <Option key={one} chosen={spec.priority === one} choose={() => show({ priority: spec.priority === one ? null : one })}>{t.priority[one]}</Option>)}
      {spec.view === "all" && <Menu.Label className="eyebrow px-2.5 py-1.5">{t.search.status}</Menu.Label>}
      {spec.view === "all" && STATUSES.map((one) => <Option key={one} chosen={spec.status === one} choose={() => show({ status: spec.status === one ? null : one })}>{t.status[one]}</Option>)}
      {tags.length > 0 && <Menu.Label className="eyebrow px-2.5 py-1.5">{t.nav.tags}</Menu.Label>}
      {tags.slice(0, 30).map(({ name }) => <Option key={name} chosen={spec.tags.includes(name)} choose={() => show({ tags: tagged(name) })}>{name}</Option>)}
      <Menu.Separator className="my-1 h-px bg-line" />
      <Menu.Item className="menu-item pl-9" onSelect={expert}>{t.search.expression}</Menu.Item>
    </MenuFrame>
  )
}

export function SortMenu({ trigger }: MenuGiven) {
  const t = useWords()
  const { spec, show } = usePlace()
  const keys = spec.sort ? spec.sort.split(",") : []
  const choose = (key: string) => show({ sort: keys.includes(key) ? keys.filter((one) => one !== key).join(",") : [...keys, key].slice(-3).join(",") })
  const offered = SORTS.filter((key) => key !== "relevance" || spec.q.trim())
  return (
    <MenuFrame trigger={trigger}>
      <Option chosen={spec.sort === ""} choose={() => show({ sort: "" })}>{t.search.sorts[""]}</Option>
      {offered.map((key) => (
        <Option key={key} chosen={keys.includes(key)} choose={() => choose(key)}>
          {t.search.sorts[key]}{keys.length > 1 && keys.includes(key) && <span className="figures ml-auto text-xs text-faint">{keys.indexOf(key) + 1}</span>}
        </Option>
      ))}
    </MenuFrame>
  )
}
