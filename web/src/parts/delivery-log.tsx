/** What became of reminders: state and reason in sight, every attempt on request, and once more for what has ended. */
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query"
import { type ReactNode, useEffect, useState } from "react"
import { ask, get } from "@/api/client"
import type { Delivery, DeliveryState, DeliveryStory, Explained, Page } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { useSaying } from "@/data/desk"
import { sayInstant, sayInstants } from "@/text/say"

// The latest due come first: what is to come may fill whole pages.
const FEW = 10
const SETTLED: DeliveryState[] = ["sent", "failed", "suppressed"]

/** "Why did I not get it?", for one task. */
export function TaskReminders({ id }: { id: string }) {
  const { t } = useSaying()
  const { data } = useQuery({
    queryKey: ["aside", "explained", id], staleTime: 0,
    queryFn: ({ signal }) => get<{ items: Explained[] }>(`/v1/reminders/explain?task_id=${id}`, signal),
  })
  if (!data) return null
  if (data.items.length === 0) return <p className="text-faint">{t.deliveries.none}</p>
  return <ol className="grid gap-3">{data.items.map((one) => <li key={one.delivery_id ?? one.reminder_id + one.remind_at}><Story given={{ ...one, at: one.remind_at, id: one.delivery_id }} /></li>)}</ol>
}

export function ChannelLog({ id }: { id: string }) {
  return <Log path={`/v1/channels/${id}/deliveries`} />
}

type LogGiven = { path: string; titles?: (delivery: Delivery) => ReactNode; /** Leaves out what is still to come. */ past?: boolean }

export function Log({ path, titles, past }: LogGiven) {
  const { t } = useSaying()
  const { data, hasNextPage, fetchNextPage } = useInfiniteQuery({
    queryKey: ["aside", "log", path], staleTime: 0, initialPageParam: "", getNextPageParam: (last: Page<DeliveryStory>) => last.next_cursor,
    queryFn: ({ pageParam, signal }) => get<Page<DeliveryStory>>(`${path}?limit=20${pageParam && `&cursor=${encodeURIComponent(pageParam)}`}`, signal),
  })
  const items = (data?.pages.flatMap((page) => page.items) ?? []).filter((one) => !past || one.state !== "planned")
  useEffect(() => {
    if (past && hasNextPage && items.length < FEW) void fetchNextPage()
  }, [past, hasNextPage, items.length, fetchNextPage])
  if (!data) return null
  if (items.length === 0) return <p className="text-sm text-faint">{t.deliveries.empty}</p>
  return (
    <>
      <ol className="grid gap-3 text-sm">{items.map((one) => <li key={one.id}>{titles?.(one)}<Story given={{ ...one, at: one.sent_at ?? one.due_at }} /></li>)}</ol>
      {hasNextPage && <button className="quiet mt-2 -ml-3" onClick={() => void fetchNextPage()}>{t.audit.more}</button>}
    </>
  )
}

type Told = { id: string | null; state: DeliveryState; channel: string | null; at: string; explanation?: string; reason?: string | null }

function Story({ given: { id, state, channel, at, explanation, reason } }: { given: Told }) {
  const saying = useSaying()
  const { t } = saying
  const [open, setOpen] = useState(false)
  const why = explanation ?? reason
  return (
    <>
      <p><span className={`font-semibold ${state === "failed" ? "text-late" : ""}`}>{t.deliveries.states[state]}</span> <span className="text-faint">{channel && `${t.deliveries.kinds[channel] ?? channel} · `}{sayInstant(at, saying)}</span></p>
      {why && <p className="text-soft">{sayInstants(why, saying)}</p>}
      {id && <button className="-ml-2 min-h-7 rounded-md px-2 text-faint underline decoration-line underline-offset-4 hover:text-ink max-md:min-h-11" aria-expanded={open} onClick={() => setOpen(!open)}>{t.deliveries.attemptsShown}</button>}
      {id && open && <Attempts id={id} />}
    </>
  )
}

function Attempts({ id }: { id: string }) {
  const saying = useSaying()
  const { t } = saying
  const client = useQueryClient()
  const attempt = useAttempt()
  const { data } = useQuery({ queryKey: ["aside", "delivery", id], staleTime: 0, queryFn: ({ signal }) => get<DeliveryStory>(`/v1/deliveries/${id}`, signal) })
  if (!data) return null
  const again = () => attempt(async () => {
    await ask("POST", `/v1/deliveries/${id}/redeliver`, { key: crypto.randomUUID() })
    await client.invalidateQueries({ queryKey: ["aside"] })
  }, t.deliveries.sentAgain)
  return (
    <div className="mt-1 grid gap-2 border-l-2 border-line pl-3">
      {data.log.length === 0 && <p className="text-faint">{t.deliveries.noAttempt}</p>}
      <ol className="grid gap-1">
        {data.log.map((one) => <li key={one.number}><span className="figures text-faint">{one.number} · {sayInstant(one.at, saying)}{one.took_ms !== null && ` · ${t.machine.ms(one.took_ms)}`}</span> {t.deliveries.states[one.state as DeliveryState] ?? one.state}{one.reason && <span className="block text-soft">{sayInstants(one.reason, saying)}</span>}</li>)}
      </ol>
      {SETTLED.includes(data.state) && <button className="plain w-fit" onClick={() => void again()}>{t.deliveries.again}</button>}
    </div>
  )
}
