/** Where reminders go: addresses, whether they are proven, and a test that takes the real way. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useState } from "react"
import { ask, get } from "@/api/client"
import type { Channel, Delivery, NewChannel, Page } from "@/api/shapes"
import { useWords } from "@/data/language"
import { useNotices } from "@/data/notices"
import { Labelled, Section, useAttempt } from "@/screens/settings"

export function Channels() {
  const t = useWords()
  const client = useQueryClient()
  const [secret, setSecret] = useState("")
  const { data } = useQuery({ queryKey: ["channels"], queryFn: ({ signal }) => get<Page<Channel>>("/v1/channels", signal) })
  const refresh = () => client.invalidateQueries({ queryKey: ["channels"] })
  return (
    <Section title={t.settings.channels} explain={t.settings.channelsExplain}>
      <ul className="grid gap-2">{data?.items.map((one) => <li key={one.id}><ChannelLine channel={one} refresh={refresh} /></li>)}</ul>
      {secret && <p role="status" className="rounded-md bg-tint p-3 text-sm">{t.settings.secret}<code className="mt-1 block font-semibold break-all">{secret}</code></p>}
      <NewChannelForm added={(made) => { setSecret(made.secret ?? ""); void refresh() }} />
    </Section>
  )
}

function ChannelLine({ channel, refresh }: { channel: Channel; refresh: () => void }) {
  const t = useWords()
  const { tell } = useNotices()
  const attempt = useAttempt()
  const [testing, setTesting] = useState(false)
  const test = async () => {
    setTesting(true)
    await attempt(async () => {
      const { body } = await ask<Delivery>("POST", `/v1/channels/${channel.id}/test`, { key: crypto.randomUUID() })
      tell({ text: t.settings.tested(t.deliveries.states[body.state]), detail: body.reason ?? undefined })
    })
    setTesting(false)
  }
  const remove = () => attempt(async () => {
    await ask("DELETE", `/v1/channels/${channel.id}`)
    refresh()
  })
  return (
    <div className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg border border-line bg-raised px-4 py-2.5">
      <span className="min-w-0 flex-1"><span className="block truncate">{channel.address}</span><span className="text-sm text-faint">{t.deliveries.kinds[channel.kind]} · {channel.confirmed ? t.settings.confirmed : t.settings.unconfirmed}</span></span>
      <button className="quiet" disabled={testing || !channel.confirmed} aria-busy={testing} onClick={() => void test()}>{testing ? t.settings.testing : t.settings.test}</button>
      <button className="danger" onClick={() => void remove()}>{t.settings.remove}</button>
    </div>
  )
}

function NewChannelForm({ added }: { added: (made: NewChannel) => void }) {
  const t = useWords()
  const attempt = useAttempt()
  const [kind, setKind] = useState<"email" | "webhook">("email")
  const [address, setAddress] = useState("")
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    await attempt(async () => {
      added((await ask<NewChannel>("POST", "/v1/channels", { body: { kind, address } })).body)
      setAddress("")
    })
  }
  return (
    <form onSubmit={submit} className="grid items-end gap-3 sm:grid-cols-[9rem_1fr_auto]">
      <Labelled label={t.settings.kind}><select className="field" value={kind} onChange={(event) => setKind(event.target.value as typeof kind)}><option value="email">{t.deliveries.kinds.email}</option><option value="webhook">{t.deliveries.kinds.webhook}</option></select></Labelled>
      <Labelled label={t.settings.address}><input className="field" type={kind === "email" ? "email" : "url"} required maxLength={2048} value={address} onChange={(event) => setAddress(event.target.value)} /></Labelled>
      <button className="plain min-h-10.5">{t.settings.addChannel}</button>
    </form>
  )
}
