/** What holds for all of a person's reminders: which channels in which order, when to be quiet, what becomes of late ones. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { ArrowUp } from "lucide-react"
import { type ReactNode, useId } from "react"
import { ask, get } from "@/api/client"
import type { ChannelKind, ReminderChoices as Choices } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { useSaying } from "@/data/desk"
import { useWords } from "@/data/language"
import { sayMinutes } from "@/text/say"
import { useChannels } from "./channels"
import { Section } from "./section"

const KEY = ["reminder-choices"]
type Given = { choices: Choices; save: (changes: Partial<Choices>) => void }

export function ReminderChoices() {
  const t = useWords()
  const client = useQueryClient()
  const attempt = useAttempt()
  const { data } = useQuery({ queryKey: KEY, queryFn: ({ signal }) => get<Choices>("/v1/me/reminders", signal) })
  const save = (changes: Partial<Choices>) => void attempt(async () => {
    client.setQueryData(KEY, (known: Choices) => ({ ...known, ...changes }))
    try {
      client.setQueryData(KEY, (await ask<Choices>("PATCH", "/v1/me/reminders", { key: crypto.randomUUID(), body: changes })).body)
    } catch (error) {
      void client.invalidateQueries({ queryKey: KEY })
      throw error
    }
  }, t.settings.saved)
  return (
    <Section title={t.choices.title} explain={t.choices.explain}>
      {data && <>
        <Order choices={data} save={save} />
        {data.channels.length > 1 && <Escalation choices={data} save={save} />}
        <QuietHours choices={data} save={save} />
        {data.digest !== undefined && <Digest choices={data} save={save} />}
        <Late choices={data} save={save} />
      </>}
    </Section>
  )
}

/** The kinds that reminders go by, the first one first; none chosen means the mail address. */
function Order({ choices: { channels: chosen }, save }: Given) {
  const t = useWords()
  const mine = new Set(useChannels()?.map((one) => one.kind))
  const offered = [...chosen, ...(["email", "web_push", "webhook", "apprise"] as ChannelKind[]).filter((kind) => !chosen.includes(kind) && mine.has(kind))]
  const flip = (kind: ChannelKind) => save({ channels: chosen.includes(kind) ? chosen.filter((one) => one !== kind) : [...chosen, kind] })
  const lift = (kind: ChannelKind) => {
    const at = chosen.indexOf(kind)
    save({ channels: [...chosen.slice(0, at - 1), kind, chosen[at - 1]!, ...chosen.slice(at + 1)] })
  }
  return (
    <fieldset>
      <legend className="label mb-1.5">{t.choices.order}</legend>
      <ol className="grid gap-0.5">
        {offered.map((kind, n) => (
          <li key={kind} className="flex min-h-9 items-center gap-2.5 max-md:min-h-11">
            <label className="flex flex-1 items-center gap-2.5"><input type="checkbox" className="size-4 accent-accent" checked={chosen.includes(kind)} onChange={() => flip(kind)} />{chosen.includes(kind) && chosen.length > 1 && <span className="figures text-sm text-faint">{n + 1}.</span>}{t.deliveries.kinds[kind]}</label>
            {n > 0 && chosen.includes(kind) && <button className="icon-button" aria-label={t.choices.earlier(t.deliveries.kinds[kind] ?? kind)} onClick={() => lift(kind)}><ArrowUp size={16} /></button>}
          </li>
        ))}
      </ol>
      <p className="mt-1 text-sm text-faint">{chosen.length === 0 ? t.choices.usual : chosen.length === 1 ? "" : t.choices.inTurn}</p>
    </fieldset>
  )
}

function Row({ label, explain, children }: { label: string; explain?: string; children: (id: string) => ReactNode }) {
  const id = useId()
  return (
    <div className="grid gap-1.5">
      <label className="label" htmlFor={id}>{label}</label>
      <div className="flex flex-wrap items-center gap-2.5">{children(id)}</div>
      {explain && <p className="text-sm text-faint">{explain}</p>}
    </div>
  )
}

const PAUSES = ["PT5M", "PT15M", "PT30M", "PT1H", "PT2H"]

/** Those offered, and the one that is chosen where it is another. */
const withChosen = (offered: string[], chosen: string | null) => (chosen && !offered.includes(chosen) ? [...offered, chosen] : offered)

function Escalation({ choices: { escalate_after: after }, save }: Given) {
  const saying = useSaying()
  const { t } = saying
  return (
    <Row label={t.choices.escalate} explain={t.choices.escalateExplain}>
      {(id) => <select id={id} className="field w-60" value={after ?? ""} onChange={(event) => save({ escalate_after: event.target.value || null })}>
        <option value="">{t.choices.atOnce}</option>
        {withChosen(PAUSES, after).map((one) => <option key={one} value={one}>{t.choices.after(sayMinutes(one, saying))}</option>)}
      </select>}
    </Row>
  )
}

/** A choice that is taken or not, with what belongs to it beside. */
function Toggle({ label, explain, on, flip, children }: { label: string; explain: string; on: boolean; flip: () => void; children: ReactNode }) {
  return (
    <div className="grid gap-1">
      <div className="flex min-h-10.5 flex-wrap items-center gap-2.5">
        <label className="label flex items-center gap-2.5"><input type="checkbox" className="size-4 accent-accent" checked={on} onChange={flip} />{label}</label>
        {on && children}
      </div>
      <p className="pl-6.5 text-sm text-faint">{explain}</p>
    </div>
  )
}

/** A time of day, kept when one leaves it. */
function TimeOfDay({ label, value, save }: { label: string; value: string; save: (time: string) => void }) {
  return <input type="time" required className="field w-32" aria-label={label} defaultValue={value} key={value} onBlur={(event) => event.target.value && event.target.value !== value && save(event.target.value)} />
}

function QuietHours({ choices: { quiet_hours: quiet }, save }: Given) {
  const t = useWords()
  const set = (changes: Partial<NonNullable<Choices["quiet_hours"]>>) => save({ quiet_hours: { from: "22:00", until: "07:00", ...quiet, ...changes } })
  return (
    <Toggle label={t.choices.quiet} explain={t.choices.quietExplain} on={quiet !== null} flip={() => (quiet ? save({ quiet_hours: null }) : set({}))}>
      {quiet && <><TimeOfDay label={t.choices.from} value={quiet.from.slice(0, 5)} save={(from) => set({ from })} /><span className="text-soft">{t.choices.until}</span><TimeOfDay label={t.choices.until} value={quiet.until.slice(0, 5)} save={(until) => set({ until })} /></>}
    </Toggle>
  )
}

function Digest({ choices: { digest }, save }: Given) {
  const t = useWords()
  return (
    <Toggle label={t.choices.digest} explain={t.choices.digestExplain} on={Boolean(digest)} flip={() => save({ digest: digest ? null : "07:00" })}>
      {digest && <TimeOfDay label={t.due.time} value={digest.slice(0, 5)} save={(time) => save({ digest: time })} />}
    </Toggle>
  )
}

function Late({ choices: { late, late_after: after }, save }: Given) {
  const saying = useSaying()
  const { t } = saying
  return (
    <Row label={t.choices.late} explain={t.choices.lateExplain}>
      {(id) => <>
        <select id={id} className="field w-60" value={late} onChange={(event) => save({ late: event.target.value as Choices["late"] })}><option value="send">{t.choices.send}</option><option value="drop">{t.choices.drop}</option></select>
        <select aria-label={t.choices.lateAfter} className="field w-64" value={after} onChange={(event) => save({ late_after: event.target.value })}>{withChosen([...PAUSES, "P1D"], after).map((one) => <option key={one} value={one}>{t.choices.moreThan(sayMinutes(one, saying))}</option>)}</select>
      </>}
    </Row>
  )
}
