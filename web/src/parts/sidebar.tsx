/** Where one can go: lists, tags, saved views, the operators' rooms; beside the page, or below it on a phone. */
import { Bookmark, CalendarDays, CalendarRange, CircleCheck, CircleHelp, Clock3, Columns3, Cpu, History, Inbox, Layers, MailX, MoreHorizontal, Settings, Sun, X } from "lucide-react"
import type { LucideIcon } from "lucide-react"
import Link from "next/link"
import type { ReactNode } from "react"
import { forgetView, hueOf, useSavedViews, useTags } from "@/data/aside"
import { useDesk } from "@/data/desk"
import { useWords } from "@/data/language"
import { useList } from "@/data/list"
import { PLAIN, usePlace } from "@/data/place"
import { type View, isOverdue, writeSpec } from "@/data/spec"
import { Connection } from "./connection"
import { LateMenu } from "./late-menu"
import { Mark } from "./mark"
import { Unsaved } from "./unsaved"

const LISTS: [View, LucideIcon][] = [["today", Sun], ["upcoming", CalendarDays], ["overdue", Clock3], ["done", CircleCheck], ["all", Inbox]]
const MOST_TAGS = 12

export function Sidebar({ help }: { help: () => void }) {
  const t = useWords()
  return (
    <div className="hidden w-60 shrink-0 flex-col px-3 pt-7 pb-3 md:flex">
      <Link href="/" className="display mb-6 flex items-center gap-2.5 px-3 text-lg"><Mark size={24} />{t.name}</Link>
      <nav aria-label={t.nav.main} className="-mx-3 grid min-h-0 flex-1 content-start gap-5 overflow-y-auto px-3 pb-4">
        <Lists />
        <Tags />
        <SavedViews />
        <Operators />
      </nav>
      <div className="grid gap-0.5 border-t border-line pt-2">
        <Unsaved />
        <Connection />
        <Account help={help} />
      </div>
    </div>
  )
}

export function useCounts(): { today: string; overdue: string } {
  const { at } = useDesk()
  const { tasks, more } = useList(PLAIN)
  const say = (n: number) => (n === 0 ? "" : more ? `${n}+` : String(n))
  return { today: say(tasks.length), overdue: say(tasks.filter((task) => isOverdue(task, at)).length) }
}

function Lists() {
  const t = useWords()
  const { path, spec } = usePlace()
  const counts = useCounts()
  return (
    <div className="grid gap-0.5">
      {LISTS.map(([view, Icon]) => (
        <Way key={view} href={view === "today" ? "/" : `/?view=${view}`} here={path === "/" && spec.view === view && spec.tags.length === 0} icon={<Icon size={17} strokeWidth={1.75} />} count={view === "today" ? counts.today : view === "overdue" ? counts.overdue : ""} late={view === "overdue"}>
          {t.views[view]}
        </Way>
      ))}
      <Way href="/week" here={path === "/week"} icon={<CalendarRange size={17} strokeWidth={1.75} />}>{t.nav.week}</Way>
      <Way href="/month" here={path === "/month"} icon={<Layers size={17} strokeWidth={1.75} />}>{t.nav.month}</Way>
      <Way href="/board" here={path === "/board"} icon={<Columns3 size={17} strokeWidth={1.75} />}>{t.nav.board}</Way>
    </div>
  )
}

type WayGiven = { href: string; here: boolean; icon?: ReactNode; count?: string; late?: boolean; children: ReactNode }

function Way({ href, here, icon, count, late, children }: WayGiven) {
  return (
    <Link href={href} shallow aria-current={here ? "page" : undefined} className={`flex min-h-8 items-center gap-3 rounded-md px-3 text-sm transition-colors ${here ? "bg-tint font-semibold text-ink" : "text-soft hover:bg-hover hover:text-ink"}`}>
      <span className={here ? "text-accent" : ""} aria-hidden="true">{icon}</span>
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {count && <span className={`figures text-xs ${late ? "font-semibold text-late" : "text-faint"}`}>{count}</span>}
    </Link>
  )
}

function Tags() {
  const t = useWords()
  const { path, spec } = usePlace()
  const tags = [...useTags()].sort((one, other) => other.count - one.count).slice(0, MOST_TAGS)
  if (tags.length === 0) return null
  return (
    <section className="grid gap-0.5">
      <h2 className="eyebrow mb-1 px-3">{t.nav.tags}</h2>
      {tags.map(({ name, count }) => (
        <Way key={name} href={`/?${writeSpec({ ...PLAIN, view: "all", status: "open", tags: [name] })}`} here={path === "/" && spec.tags.length === 1 && spec.tags[0] === name} icon={<TagDot tag={name} />} count={String(count)}>{name}</Way>
      ))}
    </section>
  )
}

export function TagDot({ tag }: { tag: string }) {
  return <svg width="17" height="17" viewBox="0 0 17 17" aria-hidden="true"><circle cx="8.5" cy="8.5" r="3.5" fill={`oklch(0.64 0.12 ${hueOf(tag)})`} /></svg>
}

function SavedViews() {
  const t = useWords()
  const views = useSavedViews()
  const { path, spec } = usePlace()
  if (views.length === 0) return null
  const current = writeSpec(spec).toString()
  return (
    <section className="grid gap-0.5">
      <h2 className="eyebrow mb-1 px-3">{t.nav.saved}</h2>
      {views.map(({ name, query }) => (
        <div key={name} className="group relative">
          <Way href={`/?${query}`} here={path === "/" && query === current} icon={<Bookmark size={16} strokeWidth={1.75} />}>{name}</Way>
          <button aria-label={t.search.forget(name)} onClick={() => forgetView(name)} className="icon-button absolute top-0.5 right-0.5 opacity-0 group-hover:opacity-100 focus:opacity-100"><X size={14} /></button>
        </div>
      ))}
    </section>
  )
}

function Operators() {
  const t = useWords()
  const { path } = usePlace()
  const { user } = useDesk()
  return (
    <section className="grid gap-0.5">
      {user.roles.includes("admin") && <h2 className="eyebrow mb-1 px-3">{t.nav.operators}</h2>}
      <Way href="/audit" here={path === "/audit"} icon={<History size={17} strokeWidth={1.75} />}>{t.nav.audit}</Way>
      {user.roles.includes("admin") && (
        <>
          <Way href="/machine" here={path === "/machine"} icon={<Cpu size={17} strokeWidth={1.75} />}>{t.nav.machine}</Way>
          <Way href="/letters" here={path === "/letters"} icon={<MailX size={17} strokeWidth={1.75} />}>{t.nav.letters}</Way>
        </>
      )}
    </section>
  )
}

function Account({ help }: { help: () => void }) {
  const t = useWords()
  const { user } = useDesk()
  return (
    <div className="flex items-center gap-1">
      <Link href="/settings" className="flex min-h-9 min-w-0 flex-1 items-center gap-3 rounded-md px-3 text-sm text-soft hover:bg-hover hover:text-ink">
        <Settings size={17} strokeWidth={1.75} aria-hidden="true" /><span className="truncate">{user.name || user.email}</span>
      </Link>
      <button className="icon-button" aria-label={t.nav.help} onClick={help}><CircleHelp size={17} strokeWidth={1.75} /></button>
    </div>
  )
}

// --- on a phone --------------------------------------------------------------------------------

const THUMB: [View, LucideIcon][] = LISTS.filter(([view]) => view !== "done" && view !== "overdue")

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
