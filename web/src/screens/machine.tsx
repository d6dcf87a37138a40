/** The machine room: the path of events as it is wired, each function waking and sleeping before one's eyes. */
import { useQuery } from "@tanstack/react-query"
import Link from "next/link"
import { type ReactNode, useEffect, useState } from "react"
import { get } from "@/api/client"
import type { FunctionState, System } from "@/api/shapes"
import { useSaying } from "@/data/desk"
import { type Moment, observe } from "@/data/machine"
import { Failed } from "@/parts/failed"
import { MachineMap } from "@/parts/machine-map"
import { Room } from "@/parts/room"
import { type Saying, sayAgo } from "@/text/say"

const EVERY_MS = 1000

export function Machine() {
  const saying = useSaying()
  const { t } = saying
  const { data, error } = useQuery({
    queryKey: ["system"], refetchInterval: EVERY_MS, staleTime: 0,
    queryFn: async ({ signal }) => ({ ...(await get<System>("/v1/system", signal)), at: Date.now() }),
  })
  const moment = useMoment(data)
  const awake = moment?.functions.filter((one) => one.replicas > 0).length ?? 0
  return (
    <Room wide title={t.machine.title} explain={t.machine.explain} action={moment && <p role="status" className="display text-lg">{t.machine.awakeOf(awake, moment.functions.length)}</p>}>
      {error && <Failed error={error} />}
      {moment && (
        <div className="grid gap-10">
          <div tabIndex={0} role="region" aria-label={t.machine.title} className="-mx-5 overflow-x-auto px-5 md:mx-0 md:px-0"><MachineMap moment={moment} dead={data?.dead_letters ?? 0} /></div>
          <div className="grid gap-10 lg:grid-cols-[1fr_18rem]">
            <Functions moment={moment} saying={saying} />
            <div className="grid content-start gap-8"><Health /><Happenings moment={moment} saying={saying} /></div>
          </div>
          {data && data.dead_letters > 0 && <Link href="/letters" className="w-fit text-late underline underline-offset-4">{data.dead_letters} {t.machine.letters}</Link>}
        </div>
      )}
    </Room>
  )
}

function useMoment(data: (System & { at: number }) | undefined): Moment | undefined {
  const [moment, setMoment] = useState<Moment>()
  useEffect(() => {
    if (data) setMoment((before) => observe(before, data.functions, data.at))
  }, [data])
  return moment
}

function Functions({ moment, saying }: { moment: Moment; saying: Saying }) {
  const { t } = saying
  const head = [t.machine.function, t.machine.state, t.machine.lag, t.machine.delivered, t.machine.cold, t.machine.wake]
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={t.machine.function}>
      <table className="figures w-full min-w-140 text-sm">
        <thead><tr className="text-left">{head.map((name, n) => <th key={name} scope="col" className={`eyebrow border-b border-line py-2 first-letter:uppercase ${n > 1 ? "text-right" : ""}`}>{name}</th>)}</tr></thead>
        <tbody>{moment.functions.map((one) => <FunctionRow key={one.name} one={one} rate={moment.rates[one.name] ?? 0} saying={saying} />)}</tbody>
      </table>
    </div>
  )
}

function FunctionRow({ one, rate, saying }: { one: FunctionState; rate: number; saying: Saying }) {
  const { t } = saying
  const cell = "border-b border-line py-2.5 text-right"
  return (
    <tr className={one.replicas > 0 ? "" : "text-faint"}>
      <th scope="row" className="border-b border-line py-2.5 text-left font-semibold">{one.name}</th>
      <td className="border-b border-line py-2.5">{one.replicas > 0 ? t.machine.awake(one.replicas) : t.machine.asleep}</td>
      <td className={`${cell} ${one.lag > 0 ? "font-semibold text-accent" : ""}`}>{one.lag.toLocaleString(saying.locale)}</td>
      <td className={cell}>{one.delivered.toLocaleString(saying.locale)}{rate > 0 && <span className="ml-2 text-accent">{t.machine.rate(rate)}</span>}</td>
      <td className={cell}>{one.cold_start_ms === null ? "–" : t.machine.ms(one.cold_start_ms)}</td>
      <td className={cell}>{one.last_wake ? t.machine.ago(sayAgo(one.last_wake, { ...saying, at: { ...saying.at, now: new Date() } })) : t.machine.never}</td>
    </tr>
  )
}

type Ready = { status: string; checks: Record<string, "up" | "down"> }

function Health() {
  const { t } = useSaying()
  const { data } = useQuery({
    queryKey: ["ready"], refetchInterval: 5000, retry: false,
    // 503 says which one is down: an answer, not an error.
    queryFn: async (): Promise<Ready> => (await fetch("/readyz")).json() as Promise<Ready>,
  })
  const names: Record<string, string> = { database: t.machine.database, log: t.machine.log, sidecar: t.machine.sidecar }
  return (
    <Side title={t.machine.ready}>
      {Object.entries(data?.checks ?? {}).map(([name, state]) => <li key={name} className="flex justify-between"><span>{names[name] ?? name}</span><span className={state === "up" ? "text-accent" : "font-semibold text-late"}>{t.machine[state]}</span></li>)}
    </Side>
  )
}

function Happenings({ moment, saying }: { moment: Moment; saying: Saying }) {
  const { t, locale, at } = saying
  const time = new Intl.DateTimeFormat(locale, { timeZone: at.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" })
  if (moment.happenings.length === 0) return null
  return (
    <Side title={t.machine.log_events}>
      {moment.happenings.slice(0, 12).map((one) => <li key={one.at + one.name + one.kind} className="appear flex gap-2"><span className="figures text-faint">{time.format(new Date(one.at))}</span><span><span className="font-semibold">{one.name}</span> {one.kind === "woke" ? t.machine.woke : t.machine.slept}{one.ms !== null && <span className="text-faint"> · {t.machine.ms(one.ms)}</span>}</span></li>)}
    </Side>
  )
}

function Side({ title, children }: { title: string; children: ReactNode }) {
  return <section><h2 className="eyebrow border-b border-line pb-2">{title}</h2><ul className="grid gap-1.5 pt-3 text-sm">{children}</ul></section>
}
