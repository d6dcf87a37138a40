/** What belongs to a person: profile, appearance, password, channels, tokens, their data, and the way out. */
import { type FormEvent, useState } from "react"
import { ask } from "@/api/client"
import type { User } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { useDesk } from "@/data/desk"
import { LANGUAGES, type Language, useLanguage } from "@/data/language"
import { useSession } from "@/data/session"
import { type Theme, useTheme } from "@/data/theme"
import { Channels } from "@/parts/channels"
import { ReminderChoices } from "@/parts/reminder-choices"
import { Room } from "@/parts/room"
import { Labelled, Section } from "@/parts/section"
import { Tokens } from "@/parts/tokens"
import { YourData } from "@/parts/your-data"
import { ZoneField } from "@/parts/zone-field"

export function Settings() {
  const { t } = useLanguage()
  return (
    <Room title={t.settings.title}>
      <div className="grid gap-12">
        <Profile />
        <Channels />
        <ReminderChoices />
        <Tokens />
        <Password />
        <Sessions />
        <YourData />
        <Leave />
      </div>
    </Room>
  )
}

function Profile() {
  const { t, language, choose } = useLanguage()
  const { user } = useDesk()
  const { welcome } = useSession()
  const [theme, chooseTheme] = useTheme()
  const attempt = useAttempt()
  const [name, setName] = useState(user.name)
  const save = (changes: Partial<User>) => attempt(async () => welcome((await ask<User>("PATCH", "/v1/me", { body: changes })).body), t.settings.saved)
  const themes: [Theme, string][] = [["system", t.settings.system], ["light", t.settings.light], ["dark", t.settings.dark]]
  return (
    <Section title={t.settings.profile}>
      <p className="text-soft">{user.email}</p>
      <Labelled label={t.settings.name}><input className="field" value={name} maxLength={200} autoComplete="name" onChange={(event) => setName(event.target.value)} onBlur={() => name !== user.name && void save({ name })} /></Labelled>
      <Labelled label={t.settings.zone}><ZoneField zone={user.timezone} save={(timezone) => void save({ timezone })} /></Labelled>
      <Labelled label={t.settings.language}><select className="field" value={language} onChange={(event) => choose(event.target.value as Language)}>{Object.entries(LANGUAGES).map(([one, own]) => <option key={one} value={one}>{own}</option>)}</select></Labelled>
      <fieldset>
        <legend className="label mb-1.5">{t.settings.theme}</legend>
        <div className="flex w-fit gap-1 rounded-lg border border-line p-1">
          {themes.map(([one, words]) => <label key={one} className={`flex min-h-8 cursor-pointer items-center rounded-md px-3 text-sm has-focus-visible:outline-2 max-md:min-h-11 ${theme === one ? "bg-tint font-semibold" : "text-soft hover:bg-hover"}`}><input type="radio" name="theme" className="sr-only" checked={theme === one} onChange={() => chooseTheme(one)} />{words}</label>)}
        </div>
      </fieldset>
    </Section>
  )
}

function Password() {
  const { t } = useLanguage()
  const attempt = useAttempt()
  const [values, setValues] = useState({ current_password: "", password: "" })
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (await attempt(() => ask("POST", "/v1/auth/password", { body: values }), t.settings.changed)) setValues({ current_password: "", password: "" })
  }
  return (
    <Section title={t.settings.password}>
      <form onSubmit={submit} className="grid gap-4">
        <Labelled label={t.settings.current}><input type="password" className="field" autoComplete="current-password" required value={values.current_password} onChange={(event) => setValues({ ...values, current_password: event.target.value })} /></Labelled>
        <Labelled label={t.sign.newPassword}><input type="password" className="field" autoComplete="new-password" required minLength={8} value={values.password} onChange={(event) => setValues({ ...values, password: event.target.value })} /></Labelled>
        <button className="plain w-fit">{t.settings.change}</button>
      </form>
    </Section>
  )
}

function Sessions() {
  const { t } = useLanguage()
  const { leave } = useSession()
  const attempt = useAttempt()
  return (
    <Section title={t.settings.sessions} explain={t.settings.everywhereExplain}>
      <div className="flex flex-wrap gap-2">
        <button className="plain" onClick={() => void attempt(() => leave())}>{t.nav.logOut}</button>
        <button className="plain" onClick={() => void attempt(() => leave(true))}>{t.settings.everywhere}</button>
      </div>
    </Section>
  )
}

function Leave() {
  const { t } = useLanguage()
  const { user } = useDesk()
  const { end } = useSession()
  const attempt = useAttempt()
  const [typed, setTyped] = useState("")
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    if (await attempt(() => ask("DELETE", "/v1/me"))) end()
  }
  return (
    <Section title={t.settings.leave} explain={t.settings.leaveExplain}>
      <form onSubmit={submit} className="grid gap-3">
        <Labelled label={t.settings.leaveSure}><input className="field" autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} /></Labelled>
        <button className="danger w-fit" disabled={typed.trim().toLowerCase() !== user.email.toLowerCase()}>{t.settings.leave}</button>
      </form>
    </Section>
  )
}
