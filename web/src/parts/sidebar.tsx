/** Where one can go: lists, tags, saved views, the operators' rooms; beside the page. */
import { Bell, Bookmark, CalendarClock, CalendarDays, CalendarRange, CircleCheck, CircleHelp, Clock3, Columns3, Cpu, History, Inbox, MailX, MoreHorizontal, Settings, Sun, Users } from "lucide-react"
import type { LucideIcon } from "lucide-react"
import Link from "next/link"
import { type ReactNode, memo } from "react"
import { useDesk } from "@/data/desk"
import { useWords } from "@/data/language"
import { useList } from "@/data/list"
import { PLAIN, usePlace } from "@/data/place"
import { type View, isOverdue, writeSpec } from "@/data/spec"
import { useTags } from "@/data/tags"
import { asSpec, useSavedViews, useUpload } from "@/data/views"
import { Connection } from "./connection"
import { LateMenu } from "./late-menu"
import { Mark } from "./mark"
import { TagDot } from "./tag-dot"
import { Unsaved } from "./unsaved"

export const LISTS: [View, LucideIcon][] = [["today", Sun], ["upcoming", CalendarClock], ["overdue", Clock3], ["done", CircleCheck], ["all", Inbox]]
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

function Lists() {
  const t = useWords()
  const { path, spec } = usePlace()
  return (
    <div className="grid gap-0.5">
      {LISTS.map(([view, Icon]) => (
        <Way key={view} href={view === "today" ? "/" : `/?view=${view}`} here={path === "/" && spec.view === view && spec.tags.length === 0} Icon={Icon} count={COUNTED[view]}>{t.views[view]}</Way>
      ))}
      <Way href="/week" here={path === "/week"} Icon={CalendarRange}>{t.nav.week}</Way>
      <Way href="/month" here={path === "/month"} Icon={CalendarDays}>{t.nav.month}</Way>
      <Way href="/board" here={path === "/board"} Icon={Columns3}>{t.nav.board}</Way>
      <Way href="/reminders" here={path === "/reminders"} Icon={Bell}>{t.nav.reminders}</Way>
    </div>
  )
}

/** Apart, because it moves with every change of a task and the ways need not. */
function Count({ late }: { late: boolean }) {
  const { at } = useDesk()
  const { tasks, more } = useList(PLAIN)
  const count = late ? tasks.filter((task) => isOverdue(task, at)).length : tasks.length
  if (count === 0) return null
  return <span className={`figures text-xs ${late ? "font-semibold text-late" : "text-faint"}`}>{count}{more && "+"}</span>
}

const COUNTED: Partial<Record<View, ReactNode>> = { today: <Count late={false} />, overdue: <Count late /> }

type WayGiven = { href: string; here: boolean; Icon?: LucideIcon; tag?: string; count?: ReactNode; children: string }

const Way = memo(function Way({ href, here, Icon, tag, count, children }: WayGiven) {
  return (
    <Link href={href} shallow aria-current={here ? "page" : undefined} className={`flex min-h-8 items-center gap-3 rounded-md px-3 text-sm transition-colors ${here ? "bg-tint font-semibold text-ink" : "text-soft hover:bg-hover hover:text-ink"}`}>
      <span className={here ? "text-accent" : ""} aria-hidden="true">{Icon ? <Icon size={17} strokeWidth={1.75} /> : <TagDot tag={tag!} />}</span>
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {typeof count === "number" ? <span className="figures text-xs text-faint">{count}</span> : count}
    </Link>
  )
})

function Tags() {
  const t = useWords()
  const { path, spec } = usePlace()
  const tags = [...useTags()].sort((one, other) => other.count - one.count).slice(0, MOST_TAGS)
  if (tags.length === 0) return null
  return (
    <section className="grid gap-0.5">
      <h2 className="mb-1 px-3"><Link href="/tags" aria-label={t.nav.manageTags} className="eyebrow hover:text-ink hover:underline">{t.nav.tags}</Link></h2>
      {tags.map(({ name, count }) => (
        <Way key={name} href={`/?${writeSpec({ ...PLAIN, view: "all", status: "open", tags: [name] })}`} here={path === "/" && spec.tags.length === 1 && spec.tags[0] === name} tag={name} count={count}>{name}</Way>
      ))}
    </section>
  )
}

function SavedViews() {
  const t = useWords()
  const views = useSavedViews()
  useUpload()
  const { path, spec } = usePlace()
  if (views.length === 0) return null
  const current = path === "/" ? writeSpec(spec).toString() : null
  return (
    <section className="grid gap-0.5">
      <h2 className="eyebrow mb-1 px-3">{t.nav.saved}</h2>
      {views.map((view) => {
        const address = writeSpec(asSpec(view.query)).toString()
        return (
          <div key={view.id} className="group relative">
            <Way href={`/?${address}`} here={address === current} Icon={Bookmark}>{view.name}</Way>
            <LateMenu name={t.saved.menu(view.name)} bare icon={<MoreHorizontal size={16} />} active={false} className="icon-button absolute top-0 right-0 opacity-0 group-hover:opacity-100 focus:opacity-100 aria-expanded:opacity-100" load={() => import("./view-menu").then(({ ViewMenu }) => ViewMenu)} given={{ view }} />
          </div>
        )
      })}
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
      <Way href="/audit" here={path === "/audit"} Icon={History}>{t.nav.audit}</Way>
      {user.roles.includes("admin") && (
        <>
          <Way href="/machine" here={path === "/machine"} Icon={Cpu}>{t.nav.machine}</Way>
          <Way href="/letters" here={path === "/letters"} Icon={MailX}>{t.nav.letters}</Way>
          <Way href="/users" here={path === "/users"} Icon={Users}>{t.nav.users}</Way>
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
