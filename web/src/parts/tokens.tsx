/** API tokens: keys for scripts, each shown once. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { type FormEvent, useState } from "react"
import { ask, get } from "@/api/client"
import type { ApiToken, NewApiToken, Page } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { useSaying } from "@/data/desk"
import { sayInstant } from "@/text/say"
import { Labelled, Section } from "./section"

export function Tokens() {
  const { t } = useSaying()
  const client = useQueryClient()
  const [made, setMade] = useState<NewApiToken | null>(null)
  const { data } = useQuery({ queryKey: ["tokens"], queryFn: ({ signal }) => get<Page<ApiToken>>("/v1/tokens", signal) })
  const refresh = () => client.invalidateQueries({ queryKey: ["tokens"] })
  return (
    <Section title={t.settings.tokens} explain={t.settings.tokensExplain}>
      {data && data.items.length > 0 && <ul className="grid gap-2">{data.items.map((one) => <li key={one.id}><TokenLine token={one} refresh={refresh} /></li>)}</ul>}
      {made && <Made token={made} />}
      <NewTokenForm added={(token) => { setMade(token); void refresh() }} />
    </Section>
  )
}

function TokenLine({ token, refresh }: { token: ApiToken; refresh: () => void }) {
  const saying = useSaying()
  const { t } = saying
  const attempt = useAttempt()
  const revoke = () => attempt(async () => {
    await ask("DELETE", `/v1/tokens/${token.id}`)
    refresh()
  })
  return (
    <div className="flex flex-wrap items-center gap-3 rounded-lg border border-line bg-raised px-4 py-2.5">
      <span className="min-w-0 flex-1"><span className="block truncate">{token.name}</span><span className="text-sm text-faint">{token.scopes.map((one) => t.settings[one]).join(", ")} · {t.settings.expires} {token.expires_at ? sayInstant(token.expires_at, saying) : t.settings.never}</span></span>
      <button className="danger" onClick={() => void revoke()}>{t.settings.revoke}</button>
    </div>
  )
}

function Made({ token }: { token: NewApiToken }) {
  const { t } = useSaying()
  const [copied, setCopied] = useState(false)
  const copy = () => void navigator.clipboard.writeText(token.token).then(() => setCopied(true))
  return (
    <div role="status" className="rounded-md bg-tint p-3 text-sm">
      {t.settings.once}<code className="mt-1 block font-semibold break-all">{token.token}</code>
      <button className="plain mt-2" onClick={copy}>{copied ? t.settings.copied : t.settings.copy}</button>
    </div>
  )
}

const LIVES = [30, 90, 365]

function NewTokenForm({ added }: { added: (token: NewApiToken) => void }) {
  const { t } = useSaying()
  const attempt = useAttempt()
  const [name, setName] = useState("")
  const [write, setWrite] = useState(false)
  const [days, setDays] = useState(90)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const expires_at = days ? new Date(Date.now() + days * 86_400_000).toISOString() : null
    await attempt(async () => {
      added((await ask<NewApiToken>("POST", "/v1/tokens", { body: { name, scopes: write ? ["read", "write"] : ["read"], expires_at } })).body)
      setName("")
    })
  }
  return (
    <form onSubmit={submit} className="grid items-end gap-3 sm:grid-cols-[1fr_auto_auto]">
      <div className="sm:col-span-3"><Labelled label={t.settings.tokenName}><input className="field" required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} /></Labelled></div>
      <Labelled label={t.settings.expires}><select className="field" value={days} onChange={(event) => setDays(Number(event.target.value))}>{LIVES.map((one) => <option key={one} value={one}>{t.settings.days(one)}</option>)}<option value={0}>{t.settings.never}</option></select></Labelled>
      <label className="flex min-h-10.5 items-center gap-2 text-sm"><input type="checkbox" className="size-4 accent-accent" checked={write} onChange={() => setWrite(!write)} />{t.settings.write}</label>
      <button className="plain min-h-10.5">{t.settings.addToken}</button>
    </form>
  )
}
