/** Reminders as notifications of this browser, turned on and off where one looks for them. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { BellOff, BellRing } from "lucide-react"
import { useState } from "react"
import { Refusal, ask } from "@/api/client"
import type { Channel } from "@/api/shapes"
import { useWords } from "@/data/language"
import { useNotices } from "@/data/notices"
import { NoPush, readPush, turnOffPush, turnOnPush } from "@/data/push"

const KEY = ["push"]

export function PushButton({ channels, changed }: { channels: Channel[] | undefined; changed: () => void }) {
  const t = useWords()
  const client = useQueryClient()
  const { tell } = useNotices()
  const [busy, setBusy] = useState(false)
  const { data: push } = useQuery({ queryKey: KEY, queryFn: readPush, staleTime: 0 })
  if (!push || !channels) return null
  // The browser may still hold what the person removed as a channel elsewhere.
  const channel = channels.find((one) => one.kind === "web_push" && one.address === push.address)
  const act = async (work: () => Promise<unknown>) => {
    setBusy(true)
    try {
      await work()
    } catch (error) {
      const detail = error instanceof NoPush ? t.push[error.why] : error instanceof Refusal ? error.detail : t.sign.busy
      tell({ text: t.push.refused, detail, tone: "late" })
    }
    setBusy(false)
    changed()
    void client.invalidateQueries({ queryKey: KEY })
  }
  const turnOff = async () => {
    await ask("DELETE", `/v1/channels/${channel!.id}`)
    await turnOffPush()
  }
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 rounded-lg bg-hover/60 px-4 py-3">
      <p className="min-w-52 flex-1 text-sm"><span className="block font-semibold">{t.push.title}</span><span className="text-soft">{push.state === "unsupported" || push.state === "denied" ? t.push[push.state] : channel ? t.push.on : t.push.off}</span></p>
      {channel
        ? <button className="plain" disabled={busy} onClick={() => void act(turnOff)}><BellOff size={16} aria-hidden="true" />{t.push.turnOff}</button>
        : push.state !== "unsupported" && <button className="primary" disabled={busy || push.state === "denied"} onClick={() => void act(turnOnPush)}><BellRing size={16} aria-hidden="true" />{t.push.turnOn}</button>}
    </div>
  )
}
