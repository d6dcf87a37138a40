/** On a phone: everywhere that the bar has no room for. */
import * as Menu from "@radix-ui/react-dropdown-menu"
import { Bookmark, LogOut } from "lucide-react"
import Link from "next/link"
import { useDesk } from "@/data/desk"
import { useWords } from "@/data/language"
import { useSession } from "@/data/session"
import { writeSpec } from "@/data/spec"
import { asSpec, useSavedViews } from "@/data/views"
import { Connection } from "./connection"
import type { MenuGiven } from "./late-menu"

export function MoreMenu({ trigger }: MenuGiven) {
  const t = useWords()
  const { user } = useDesk()
  const views = useSavedViews()
  const { leave } = useSession()
  const ways: [string, string][] = [
    ["/?view=overdue", t.views.overdue], ["/?view=done", t.views.done], ["/week", t.nav.week], ["/month", t.nav.month], ["/board", t.nav.board], ["/tags", t.nav.tags], ["/reminders", t.nav.reminders], ["/audit", t.nav.audit],
    ...(user.roles.includes("admin") ? ([["/machine", t.nav.machine], ["/letters", t.nav.letters], ["/users", t.nav.users]] as [string, string][]) : []),
    ["/settings", t.nav.settings],
  ]
  return (
    <Menu.Root modal={false} defaultOpen>
      <Menu.Trigger asChild>{trigger}</Menu.Trigger>
      <Menu.Portal>
        <Menu.Content side="top" align="end" sideOffset={8} collisionPadding={8} className="floating appear max-h-[75dvh] w-60 overflow-y-auto p-1.5">
          <Connection />
          {ways.map(([href, name]) => <Menu.Item key={href} asChild className="menu-item"><Link href={href}>{name}</Link></Menu.Item>)}
          {views.length > 0 && <Menu.Label className="eyebrow px-2.5 pt-2 pb-1">{t.nav.saved}</Menu.Label>}
          {views.map(({ id, name, query }) => <Menu.Item key={id} asChild className="menu-item"><Link href={`/?${writeSpec(asSpec(query))}`}><Bookmark size={16} aria-hidden="true" className="shrink-0 text-faint" /><span className="truncate">{name}</span></Link></Menu.Item>)}
          <Menu.Separator className="my-1 h-px bg-line" />
          <Menu.Item className="menu-item" onSelect={() => void leave()}><LogOut size={16} aria-hidden="true" />{t.nav.logOut}</Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  )
}
