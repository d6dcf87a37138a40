/** Where one can go, by thumb: three lists, and a menu of all the rest. */
import { MoreHorizontal } from "lucide-react"
import Link from "next/link"
import { useWords } from "@/data/language"
import { usePlace } from "@/data/place"
import { LateMenu } from "./late-menu"
import { LISTS } from "./sidebar"

const THUMB = LISTS.filter(([view]) => view !== "done" && view !== "overdue")

export function BottomBar() {
  const t = useWords()
  const { path, spec } = usePlace()
  return (
    <nav aria-label={t.nav.main} className="flex shrink-0 border-t border-line bg-raised pb-[env(safe-area-inset-bottom)] md:hidden">
      {THUMB.map(([view, Icon]) => {
        const here = path === "/" && spec.view === view
        return (
          <Link key={view} href={view === "today" ? "/" : `/?view=${view}`} shallow aria-current={here ? "page" : undefined} className={`flex min-h-14 flex-1 flex-col items-center justify-center gap-0.5 text-xs ${here ? "font-semibold text-accent" : "text-soft"}`}>
            <Icon size={20} strokeWidth={1.75} aria-hidden="true" />{t.views[view]}
          </Link>
        )
      })}
      <MoreMenu />
    </nav>
  )
}

function MoreMenu() {
  const t = useWords()
  return <LateMenu name={t.nav.more} labelled active={false} icon={<MoreHorizontal size={20} aria-hidden="true" />} className="flex min-h-14 flex-1 flex-col items-center justify-center gap-0.5 text-xs text-soft" load={() => import("./more-menu").then(({ MoreMenu }) => MoreMenu)} given={{}} />
}
