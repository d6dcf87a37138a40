/** One channel: how it stands, a test, a new secret, what went there, and the way out. */
import * as Menu from "@radix-ui/react-dropdown-menu"
import { BellRing, Mail, MoreHorizontal, Send, Webhook } from "lucide-react"
import type { LucideIcon } from "lucide-react"
import { useState } from "react"
import { ask } from "@/api/client"
import type { Channel, ChannelKind, Delivery, NewChannel } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { useSaying } from "@/data/desk"
import { useNotices } from "@/data/notices"
import { turnOffPush, readPush } from "@/data/push"
import { sayInstant } from "@/text/say"
import { ChannelLog } from "./delivery-log"

const ICONS: Record<ChannelKind, LucideIcon> = { email: Mail, webhook: Webhook, web_push: BellRing, apprise: Send }

type Given = { channel: Channel; changed: (channel: NewChannel) => void; removed: () => void }

export function ChannelLine({ channel, changed, removed }: Given) {
  const { t } = useSaying()
  const [log, setLog] = useState(false)
  const Icon = ICONS[channel.kind]
  return (
    <div className="rounded-lg border border-line bg-raised">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 py-2.5 pr-2 pl-4">
        <Icon size={17} strokeWidth={1.75} aria-hidden="true" className="shrink-0 text-faint" />
        <span className="min-w-44 flex-1"><span className="line-clamp-2">{nameOf(channel)}</span><Standing channel={channel} /></span>
        <span className="ml-auto flex items-center"><Test channel={channel} /><More channel={channel} changed={changed} removed={removed} log={() => setLog(!log)} /></span>
      </div>
      {channel.disabled_at && <Disabled channel={channel} changed={changed} />}
      {log && <div className="border-t border-line px-4 py-3"><h3 className="label pb-2">{t.deliveries.log}</h3><ChannelLog id={channel.id} /></div>}
    </div>
  )
}

/** A push address is a long secret of the browser's maker: its host says enough. */
function nameOf({ kind, address }: Channel): string {
  return kind === "web_push" ? new URL(address).host : address
}

function Standing({ channel }: { channel: Channel }) {
  const saying = useSaying()
  const { t } = saying
  const words = channel.disabled_at ? t.settings.disabled : channel.confirmed ? t.settings.confirmed : t.settings.unconfirmed
  return (
    <span className="text-sm text-faint">
      {t.deliveries.kinds[channel.kind]} · <span className={channel.disabled_at ? "font-semibold text-late" : ""}>{words}</span>
      {channel.old_secret_until && <> · {t.settings.oldSecret(sayInstant(channel.old_secret_until, saying))}</>}
    </span>
  )
}

/** A dead endpoint: since when, why, and the way back. */
function Disabled({ channel, changed }: { channel: Channel; changed: (channel: Channel) => void }) {
  const saying = useSaying()
  const attempt = useAttempt()
  const enable = () => attempt(async () => changed((await ask<Channel>("POST", `/v1/channels/${channel.id}/enable`, { key: crypto.randomUUID() })).body))
  return (
    <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 border-t border-line bg-late-tint py-2 pr-2 pl-4 text-sm text-late">
      <p className="min-w-0 flex-1">{channel.disabled_reason} <span className="whitespace-nowrap">({sayInstant(channel.disabled_at!, saying)})</span></p>
      <button className="plain" onClick={() => void enable()}>{saying.t.settings.enable}</button>
    </div>
  )
}

function Test({ channel }: { channel: Channel }) {
  const { t } = useSaying()
  const { tell } = useNotices()
  const attempt = useAttempt()
  const [testing, setTesting] = useState(false)
  const test = async () => {
    setTesting(true)
    await attempt(async () => {
      const { body } = await ask<Delivery>("POST", `/v1/channels/${channel.id}/test`, { key: crypto.randomUUID() })
      tell({ text: t.settings.tested(t.deliveries.states[body.state]), detail: body.reason ?? undefined, tone: body.state === "failed" ? "late" : undefined })
    })
    setTesting(false)
  }
  return <button className="quiet" disabled={testing || !channel.confirmed || Boolean(channel.disabled_at)} aria-busy={testing} onClick={() => void test()}>{testing ? t.settings.testing : t.settings.test}</button>
}

function More({ channel, changed, removed, log }: Given & { log: () => void }) {
  const { t } = useSaying()
  const attempt = useAttempt()
  const rotate = () => attempt(async () => changed((await ask<NewChannel>("POST", `/v1/channels/${channel.id}/rotate-secret`, { key: crypto.randomUUID() })).body))
  const remove = () => attempt(async () => {
    await ask("DELETE", `/v1/channels/${channel.id}`)
    if (channel.kind === "web_push" && (await readPush()).address === channel.address) await turnOffPush()
    removed()
  })
  return (
    <Menu.Root modal={false}>
      <Menu.Trigger className="icon-button" aria-label={`${t.task.menu}: ${nameOf(channel)}`}><MoreHorizontal size={18} /></Menu.Trigger>
      <Menu.Portal>
        <Menu.Content align="end" sideOffset={4} className="floating appear min-w-48 p-1.5">
          <Menu.Item className="menu-item" onSelect={log}>{t.deliveries.log}</Menu.Item>
          {channel.kind === "webhook" && <Menu.Item className="menu-item" onSelect={() => void rotate()}>{t.settings.rotate}</Menu.Item>}
          <Menu.Item className="menu-item text-late" onSelect={() => void remove()}>{t.settings.remove}</Menu.Item>
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  )
}
