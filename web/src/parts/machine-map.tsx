/** The drawing of the path of events, after section 1 of the design; what moves in it is what the platform says this second. */
import type { FunctionState } from "@/api/shapes"
import { useWords } from "@/data/language"
import type { Moment } from "@/data/machine"

type Point = { x: number; y: number }

// Where each function stands; what is not named here is in the table below all the same.
const PLACES: Record<string, Point> = {
  "write-task": { x: 500, y: 130 }, "expand-recurrence": { x: 850, y: 50 }, "fan-out-update": { x: 850, y: 130 },
  "write-audit": { x: 850, y: 210 }, "fire-timer": { x: 500, y: 330 }, "send-reminder": { x: 850, y: 330 }, "keep-dead-letter": { x: 850, y: 430 },
}
const TOPICS: [string, Point][] = [
  ["task-commands", { x: 318, y: 130 }], ["task-events", { x: 676, y: 130 }], ["reminders", { x: 676, y: 330 }], ["*-dead-letters", { x: 676, y: 430 }],
]
/** Each way with the function whose work it carries. */
const WAYS: [string, string][] = [
  ["M64 130H118", "write-task"], ["M202 130H258", "write-task"], ["M378 130H418", "write-task"], ["M582 130H622", "write-task"],
  ["M730 120C750 110 745 50 768 50", "expand-recurrence"], ["M730 130H768", "fan-out-update"], ["M730 140C750 150 745 210 768 210", "write-audit"],
  ["M850 24C850 6 836 6 800 6H360C324 6 318 20 318 112", "expand-recurrence"],
  ["M850 156V170C850 176 846 178 840 178H744C734 178 732 180 732 188V256C732 266 728 268 718 268H200C172 268 160 258 160 230V156", "fan-out-update"],
  ["M500 156V214C500 240 330 226 318 302", "write-task"],
  ["M370 330H418", "fire-timer"], ["M582 330H622", "fire-timer"], ["M730 330H768", "send-reminder"], ["M932 330H980", "send-reminder"],
  ["M730 430H768", "keep-dead-letter"],
]

export function MachineMap({ moment, dead }: { moment: Moment; dead: number }) {
  const { machine } = useWords()
  const states = new Map(moment.functions.map((one) => [one.name, one]))
  const isBusy = (name: string) => (moment.rates[name] ?? 0) > 0 || (states.get(name)?.lag ?? 0) > 0
  return (
    <svg viewBox="-30 -4 1100 470" className="w-full min-w-225" role="img" aria-label={describe(moment)}>
      {WAYS.map(([path, name]) => <path key={path} d={path} fill="none" strokeWidth={isBusy(name) ? 2 : 1.25} className={isBusy(name) ? "flow stroke-accent" : "stroke-line"} />)}
      <Post x={20} y={130} name={machine.people} />
      <Box x={160} y={130} width={84} name={machine.gateway} on />
      <Store x={318} y={330} name="PostgreSQL" words={machine.truth} />
      {TOPICS.map(([name, place]) => <Topic key={name} {...place} name={name} />)}
      {Object.entries(PLACES).map(([name, place]) => <Function key={name} {...place} state={states.get(name)} name={name} rate={moment.rates[name] ?? 0} />)}
      <Post x={1022} y={330} name={machine.channels} />
      {dead > 0 && <text x={950} y={435} className="figures fill-late text-[13px] font-semibold">{dead}</text>}
    </svg>
  )
}

function describe(moment: Moment): string {
  return moment.functions.map((one) => `${one.name}: ${one.replicas}`).join(", ")
}

function Box({ x, y, width, name, on }: Point & { width: number; name: string; on: boolean }) {
  return (
    <g>
      <rect x={x - width / 2} y={y - 25} width={width} height={50} rx={9} className={on ? "fill-raised stroke-soft" : "fill-paper stroke-line"} strokeWidth={1.25} />
      <text x={x} y={y + 4.5} textAnchor="middle" className="fill-ink text-[13px] font-semibold">{name}</text>
    </g>
  )
}

/** A function: outlined by dashes asleep, filled awake, with what it has to do. */
function Function({ x, y, name, state, rate }: Point & { name: string; state: FunctionState | undefined; rate: number }) {
  const { machine } = useWords()
  const replicas = state?.replicas ?? 0
  const awake = replicas > 0
  const words = awake ? (rate > 0 ? machine.rate(rate) : machine.awake(replicas)) : machine.asleep
  return (
    <g>
      {replicas > 1 && <rect x={x - 78} y={y - 22} width={164} height={52} rx={9} className="fill-tint stroke-accent" strokeWidth={1} />}
      <rect x={x - 82} y={y - 26} width={164} height={52} rx={9} strokeWidth={awake ? 1.75 : 1.25} strokeDasharray={awake ? undefined : "4 4"} className={`transition-colors duration-300 ${awake ? "fill-tint stroke-accent" : "fill-paper stroke-faint"}`} />
      <text x={x} y={y - 3} textAnchor="middle" className={`text-[13px] font-semibold ${awake ? "fill-ink" : "fill-faint"}`}>{name}</text>
      <text x={x} y={y + 14} textAnchor="middle" className={`figures text-[12px] ${awake ? "fill-accent" : "fill-faint"}`}>{words}</text>
      {(state?.lag ?? 0) > 0 && <Waiting x={x - 82} y={y - 26} lag={state!.lag} />}
    </g>
  )
}

function Waiting({ x, y, lag }: Point & { lag: number }) {
  const width = 16 + String(lag).length * 7
  return (
    <g>
      <rect x={x - width / 2} y={y - 10} width={width} height={20} rx={10} className="fill-accent" />
      <text x={x} y={y + 4} textAnchor="middle" className="figures fill-on-accent text-[11px] font-semibold">{lag}</text>
    </g>
  )
}

function Topic({ x, y, name }: Point & { name: string }) {
  return (
    <g>
      <rect x={x - 57} y={y - 15} width={114} height={30} rx={15} className="fill-hover" />
      <text x={x} y={y + 4} textAnchor="middle" className="fill-soft text-[12px]">{name}</text>
    </g>
  )
}

function Store({ x, y, name, words }: Point & { name: string; words: string }) {
  return (
    <g>
      <path d={`M${x - 52} ${y - 20}v40c0 7 23 12 52 12s52-5 52-12v-40`} className="fill-raised stroke-soft" strokeWidth={1.25} />
      <ellipse cx={x} cy={y - 20} rx={52} ry={11} className="fill-raised stroke-soft" strokeWidth={1.25} />
      <text x={x} y={y + 10} textAnchor="middle" className="fill-ink text-[13px] font-semibold">{name}</text>
      <text x={x} y={y + 52} textAnchor="middle" className="fill-faint text-[12px]">{words}</text>
    </g>
  )
}

function Post({ x, y, name }: Point & { name: string }) {
  return <text x={x} y={y + 4} textAnchor="middle" className="fill-soft text-[12px]">{name.split(", ").map((word, n) => <tspan key={word} x={x} dy={n === 0 ? -4 : 15}>{word}</tspan>)}</text>
}
