/** Where reminders go: each address, how it stands, what went there, and a test that takes the real way. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useState } from "react"
import { ask, get } from "@/api/client"
import type { Channel, ChannelKind, NewChannel, Page } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { useWords } from "@/data/language"
import { ChannelLine } from "./channel-line"
import { PushButton } from "./push-button"
import { Labelled, Section } from "./section"

export const CHANNELS = ["channels"]

export function useChannels(): Channel[] | undefined {
  return useQuery({ queryKey: CHANNELS, queryFn: ({ signal }) => get<Page<Channel>>("/v1/channels", signal) }).data?.items
}

export function Channels() {
  const t = useWords()
  const client = useQueryClient()
  const channels = useChannels()
  const [secret, setSecret] = useState("")
  const refresh = () => void client.invalidateQueries({ queryKey: CHANNELS })
  const changed = (made: NewChannel) => {
    setSecret(made.secret ?? "")
    refresh()
  }
  return (
    <Section title={t.settings.channels} explain={t.settings.channelsExplain}>
      <ul className="grid gap-2">{channels?.map((one) => <li key={one.id}><ChannelLine channel={one} changed={changed} removed={refresh} /></li>)}</ul>
      {secret && <p role="status" className="rounded-md bg-tint p-3 text-sm">{t.settings.secret}<code className="mt-1 block font-semibold break-all">{secret}</code></p>}
      <PushButton channels={channels} changed={refresh} />
      <NewChannelForm added={changed} />
    </Section>
  )
}

const KINDS = ["email", "webhook", "apprise"] as const

function NewChannelForm({ added }: { added: (made: NewChannel) => void }) {
  const t = useWords()
  const attempt = useAttempt()
  const [kind, setKind] = useState<ChannelKind>("email")
  const [address, setAddress] = useState("")
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    await attempt(async () => {
      added((await ask<NewChannel>("POST", "/v1/channels", { key: crypto.randomUUID(), body: { kind, address: address.trim() } })).body)
      setAddress("")
    })
  }
  return (
    <form onSubmit={submit} className="grid items-end gap-3 sm:grid-cols-[9rem_1fr_auto]">
      <Labelled label={t.settings.kind}><select className="field" value={kind} onChange={(event) => setKind(event.target.value as ChannelKind)}>{KINDS.map((one) => <option key={one} value={one}>{t.deliveries.kinds[one]}</option>)}</select></Labelled>
      <Labelled label={t.settings.address}><input className="field" type={kind === "email" ? "email" : kind === "webhook" ? "url" : "text"} required maxLength={2048} spellCheck={false} autoCapitalize="off" placeholder={EXAMPLES[kind]} value={address} onChange={(event) => setAddress(event.target.value)} /></Labelled>
      <button className="plain min-h-10.5">{t.settings.addChannel}</button>
    </form>
  )
}

const EXAMPLES: Partial<Record<ChannelKind, string>> = { email: "you@example.com", webhook: "https://example.com/hook", apprise: "tgram://token/chat" }
