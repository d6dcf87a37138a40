/** Signing up, logging in, and what a letter's link asks for. */
import { type FormEvent, type ReactNode, useEffect, useState } from "react"
import { Refusal, ask } from "@/api/client"
import type { User } from "@/api/shapes"
import { useWords } from "@/data/language"
import { useSession } from "@/data/session"
import type { LetterLink } from "@/parts/gate"
import { Claim } from "@/parts/claim"
import type { Words } from "@/words/en"

type Mode = "logIn" | "signUp" | "forgot" | "reset"
type Values = { email: string; password: string; name: string }

export default function SignIn({ link, done }: { link: LetterLink | null; done: () => void }) {
  const t = useWords()
  const { ended, welcome } = useSession()
  const [mode, setMode] = useState<Mode>(link?.purpose === "reset" ? "reset" : "logIn")
  const [notice, setNotice] = useState(ended ? t.sign.ended : "")
  const verified = useVerification(link, t, setNotice, done)
  const leaveLink = (next: Mode, said: string) => {
    history.replaceState(history.state, "", location.pathname + location.search)
    setMode(next)
    setNotice(said)
    done()
  }
  return (
    <main className="grid h-full overflow-y-auto md:grid-cols-[minmax(0,5fr)_minmax(0,6fr)]">
      <Claim />
      <div className="flex items-start justify-center px-6 py-10 md:items-center md:px-16">
        <div className="w-full max-w-sm">
          <h1 className="display text-2xl">{{ logIn: t.sign.logIn, signUp: t.sign.signUp, forgot: t.sign.forgot, reset: t.sign.reset }[mode]}</h1>
          <p role="status" className="mt-2 min-h-6 text-sm text-soft">{notice || verified}</p>
          <SignForm mode={mode} link={link} welcome={welcome} finish={(said) => leaveLink("logIn", said)} />
          <Ways mode={mode} go={(next) => { setNotice(""); setMode(next) }} />
        </div>
      </div>
    </main>
  )
}

function useVerification(link: LetterLink | null, t: Words, setNotice: (text: string) => void, done: () => void): string {
  const [said, setSaid] = useState("")
  useEffect(() => {
    if (link?.purpose !== "verify") return
    ask("POST", "/v1/auth/verify", { body: { token: link.token } })
      .then(() => t.sign.confirmed, (error: Error) => `${t.sign.link}: ${error.message}`)
      .then((text) => {
        history.replaceState(history.state, "", location.pathname + location.search)
        setSaid(text)
        setNotice(text)
        done()
      })
  }, [link, t, setNotice, done])
  return said
}

type FormGiven = { mode: Mode; link: LetterLink | null; welcome: (user: User) => void; finish: (said: string) => void }

function SignForm({ mode, link, welcome, finish }: FormGiven) {
  const t = useWords()
  const [values, setValues] = useState<Values>({ email: "", password: "", name: "" })
  const [error, setError] = useState<Error | null>(null)
  const [busy, setBusy] = useState(false)
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    setBusy(true)
    setError(null)
    try {
      const user = await send(mode, values, link)
      if (user) welcome(user)
      else finish(mode === "reset" ? t.sign.resetDone : t.sign.sent)
    } catch (reason) {
      setError(reason as Error)
    } finally {
      setBusy(false)
    }
  }
  const field = (name: keyof Values) => ({
    value: values[name], problem: error instanceof Refusal ? error.field(name) : undefined,
    change: (value: string) => setValues({ ...values, [name]: value }),
  })
  return (
    <form onSubmit={submit} className="mt-6 grid gap-5" aria-busy={busy}>
      {mode === "signUp" && <Field label={t.sign.name} autoComplete="name" {...field("name")} />}
      {mode !== "reset" && <Field label={t.sign.email} type="email" autoComplete="username" required {...field("email")} />}
      {mode !== "forgot" && <PasswordField fresh={mode !== "logIn"} {...field("password")} />}
      {error && <p role="alert" className="rounded-md bg-late-tint px-3 py-2 text-sm text-late">{error instanceof Refusal ? error.detail : t.sign.busy}</p>}
      <button className="primary min-h-11" disabled={busy}>
        {{ logIn: t.sign.logIn, signUp: t.sign.signUp, forgot: t.sign.send, reset: t.sign.reset }[mode]}
      </button>
    </form>
  )
}

async function send(mode: Mode, { email, password, name }: Values, link: LetterLink | null): Promise<User | null> {
  const headers = { "X-TaskFlow-Session": "cookie" }
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone
  if (mode === "logIn") return (await ask<{ user: User }>("POST", "/v1/auth/login", { headers, body: { email, password } })).body.user
  if (mode === "signUp") return (await ask<{ user: User }>("POST", "/v1/auth/signup", { headers, body: { email, password, name, timezone } })).body.user
  await ask("POST", "/v1/auth/reset", { body: mode === "reset" ? { token: link?.token, password } : { email } })
  return null
}

type FieldGiven = { label: string; value: string; change: (value: string) => void; problem?: string; type?: string; autoComplete?: string; required?: boolean; minLength?: number; hint?: string }

function Field({ label, value, change, problem, hint, ...input }: FieldGiven) {
  return (
    <label className="grid gap-1.5">
      <span className="label">{label}</span>
      <input className="field min-h-11" value={value} onChange={(event) => change(event.target.value)} aria-invalid={Boolean(problem)} {...input} />
      {(problem || hint) && <span className={problem ? "text-sm text-late" : "text-sm text-faint"}>{problem ?? hint}</span>}
    </label>
  )
}

function PasswordField({ fresh, ...given }: { fresh: boolean; value: string; change: (value: string) => void; problem?: string }) {
  const t = useWords()
  const [shown, setShown] = useState(false)
  return (
    <div className="grid gap-2">
      <Field label={fresh ? t.sign.newPassword : t.sign.password} type={shown ? "text" : "password"} autoComplete={fresh ? "new-password" : "current-password"} required minLength={fresh ? 8 : undefined} hint={fresh ? t.sign.minimum : undefined} {...given} />
      <label className="flex w-fit items-center gap-2 text-sm text-soft"><input type="checkbox" className="size-4 accent-accent" checked={shown} onChange={() => setShown(!shown)} />{t.sign.show}</label>
    </div>
  )
}

function Ways({ mode, go }: { mode: Mode; go: (mode: Mode) => void }) {
  const t = useWords()
  const way = (next: Mode, text: string): ReactNode => (
    <button type="button" className="w-fit py-1 text-sm text-accent underline decoration-1 underline-offset-4 hover:decoration-2" onClick={() => go(next)}>{text}</button>
  )
  return (
    <div className="mt-7 grid gap-2 border-t border-line pt-5">
      {mode === "logIn" && way("signUp", t.sign.toSignUp)}
      {mode === "logIn" && way("forgot", t.sign.forgot)}
      {mode === "signUp" && way("logIn", t.sign.toLogIn)}
      {(mode === "forgot" || mode === "reset") && way("logIn", t.sign.back)}
    </div>
  )
}
