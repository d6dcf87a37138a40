/** On a phone: everywhere that the bar has no room for. */
import * as Menu from "@radix-ui/react-dropdown-menu"
import { LogOut } from "lucide-react"
import Link from "next/link"
import { useDesk } from "@/data/desk"
import { useWords } from "@/data/language"
import { useSession } from "@/data/session"
import { Connection } from "./connection"
import type { MenuGiven } from "./late-menu"

export function MoreMenu({ trigger }: MenuGiven) {
  const t = useWords()
  const { user } = useDesk()
  const { leave } = useSession()
  const ways: [string, string][] = [
    ["/?view=overdue", t.views.overdue], ["/?view=done", t.views.done], ["/week", t.nav.week], ["/month", t.nav.month], ["/board", t.nav.board], ["/tags", t.nav.tags], ["/reminders", t.nav.reminders], ["/audit", t.nav.audit],
    ...(user.roles.includes("admin") ? ([["/machine", t.nav.machine], ["/letters", t.nav.letters]] as [string, string][]) : []),
    ["/settings", t.nav.settings],
  ]
  return (
    <Menu.Root modal={false} defaultOpen>
      <Menu.Trigger asChild>{trigger}</Menu.Trigger>
      <Menu.Portal>
        <Menu.Content side="top" align="end" sideOffset={8} collisionPadding={8} className="floating appear w-56 p-1.5">
          <Connection />
          {ways.map(([href, name]) => <Menu.Item key={href} asChild className="menu-item"><Link href={href}>{name}</Link></Menu.Item>)}
          <Menu.Item className="menu-item" onSelect={() => void leave()}><LogOut size={16} aria-hidden="true" />{t.nav.logOut}</Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  )
}
