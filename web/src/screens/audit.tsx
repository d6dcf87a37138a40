/** The record that cannot be edited unseen: who did what, entry by entry, and whether the chain is whole. */
import { useInfiniteQuery, useMutation } from "@tanstack/react-query"
import { Download, ShieldAlert, ShieldCheck } from "lucide-react"
import { useMemo, useState } from "react"
import { get } from "@/api/client"
import type { AuditEntry, Page, Verdict } from "@/api/shapes"
import { useDesk, useSaying } from "@/data/desk"
import { Failed } from "@/parts/failed"
import { Room } from "@/parts/room"
import { differences } from "@/text/differences"
import { type Saying, sayInstant } from "@/text/say"
import { addDays } from "@/text/zone"

type Asked = { from: string; to: string; action: string }

export function Audit() {
  const { t, at } = useSaying()
  const [asked, setAsked] = useState<Asked>({ from: addDays(at.today, -7), to: addDays(at.today, 1), action: "" })
  const query = useMemo(() => new URLSearchParams(Object.entries(asked).filter(([, value]) => value)).toString(), [asked])
  const list = useInfiniteQuery({
    queryKey: ["audit", query],
    queryFn: ({ pageParam, signal }) => get<Page<AuditEntry>>(`/v1/audit?${query}&limit=100${pageParam && `&cursor=${encodeURIComponent(pageParam)}`}`, signal),
    initialPageParam: "", getNextPageParam: (last) => last.next_cursor, staleTime: 0,
  })
  const entries = list.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Room wide title={t.audit.title} explain={t.audit.explain} action={<Verify />}>
      <Period asked={asked} set={setAsked} />
      {list.error && <Failed error={list.error} />}
      {list.isSuccess && entries.length === 0 && <p className="pt-10 text-soft">{t.audit.none}</p>}
      <ol className="mt-4 border-t border-line">{entries.map((entry) => <li key={entry.seq}><Entry entry={entry} /></li>)}</ol>
      {list.hasNextPage && <button className="plain mt-6" onClick={() => void list.fetchNextPage()}>{t.audit.more}</button>}
    </Room>
  )
}

function Verify() {
  const { t } = useSaying()
  const { mutate, data, isPending, error } = useMutation({ mutationFn: () => get<Verdict>("/v1/audit/verify") })
  return (
    <div className="grid justify-items-start gap-1.5">
      <button className="primary" disabled={isPending} onClick={() => mutate()}><ShieldCheck size={16} aria-hidden="true" />{isPending ? t.audit.verifying : t.audit.verify}</button>
      <p role="status" className={`flex min-h-5 items-center gap-1.5 text-sm ${data && !data.ok ? "text-late" : "text-soft"}`}>
        {data && !data.ok && <ShieldAlert size={15} aria-hidden="true" />}
        {error ? error.message : data && (data.ok ? t.audit.ok(data.entries) : `${data.unproved ? t.audit.unproved : t.audit.bad(data.first_bad)} ${data.reason ?? ""}`)}
      </p>
    </div>
  )
}

const ACTIONS = ["task.created", "task.updated", "task.completed", "task.deleted", "account.signed_up", "account.logged_in", "account.log_in_failed", "account.roles_changed"]

function Period({ asked, set }: { asked: Asked; set: (asked: Asked) => void }) {
  const { t } = useSaying()
  const field = (name: "from" | "to") => (
    <label className="grid gap-1"><span className="label">{t.audit[name]}</span><input type="date" className="field w-40" value={asked[name]} onChange={(event) => set({ ...asked, [name]: event.target.value })} /></label>
  )
  const report = (format: string) => `/v1/audit/report?${new URLSearchParams({ from: asked.from, to: asked.to, format })}`
  return (
    <div className="flex flex-wrap items-end gap-3">
      {field("from")}{field("to")}
      <label className="grid gap-1"><span className="label">{t.audit.action}</span>
        <select className="field w-52" value={asked.action} onChange={(event) => set({ ...asked, action: event.target.value })}><option value="">{t.audit.anyAction}</option>{ACTIONS.map((one) => <option key={one}>{one}</option>)}</select>
      </label>
      <span className="ml-auto flex items-center gap-1 text-sm text-soft"><Download size={15} aria-hidden="true" />{t.audit.report}{["csv", "json", "pdf"].map((format) => <a key={format} className="quiet px-2 uppercase" href={report(format)} download>{format}</a>)}</span>
    </div>
  )
}

function Entry({ entry }: { entry: AuditEntry }) {
  const saying = useSaying()
  const { t } = saying
  const { user } = useDesk()
  const title = ((entry.after ?? entry.before) as { title?: string } | null)?.title
  return (
    <details className="group border-b border-line">
      <summary className="grid min-h-11 grid-cols-[3.5rem_1fr] items-center gap-x-3 rounded-md text-sm marker:content-none hover:bg-hover md:grid-cols-[3.5rem_11rem_12rem_1fr_8rem]">
        <span className="figures pl-2 text-faint">{entry.seq}</span>
        <span className="font-semibold">{entry.action}</span>
        <span className="figures text-faint max-md:col-start-2">{sayInstant(entry.at, saying)}</span>
        <span className="truncate text-soft max-md:col-start-2">{title}</span>
        <span className="truncate pr-2 text-right text-faint max-md:hidden">{entry.actor_id === user.id ? t.history.you : entry.actor_id.slice(0, 8)}</span>
      </summary>
      <EntryBody entry={entry} saying={saying} />
    </details>
  )
}

function EntryBody({ entry, saying: { t } }: { entry: AuditEntry; saying: Saying }) {
  const facts: [string, string | null][] = [[t.audit.actor, entry.actor_id], [t.audit.task, entry.task_id], [t.audit.cause, entry.cause_id], [t.audit.hash, entry.hash], [t.audit.previous, entry.previous_hash]]
  return (
    <div className="grid gap-3 px-2 pt-1 pb-5 text-sm md:pl-17">
      <dl className="grid gap-1">{differences(entry.before as object | null, entry.after as object | null).map(({ field, before, after }) => <div key={field} className="grid grid-cols-[9rem_1fr] gap-2"><dt className="text-faint">{field}</dt><dd className="line-clamp-3">{before && <del className="mr-1.5 text-faint">{before}</del>}{after}</dd></div>)}</dl>
      <dl className="grid gap-0.5 text-xs text-faint">{facts.filter(([, value]) => value).map(([name, value]) => <div key={name} className="grid grid-cols-[9rem_1fr] gap-2"><dt>{name}</dt><dd className="font-mono break-all">{value}</dd></div>)}</dl>
    </div>
  )
}
