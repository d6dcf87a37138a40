/** The gate: what a person sees before it is known who they are, when nobody is logged in, and behind it. */
import dynamic from "next/dynamic"
import { useRouter } from "next/router"
import { type ReactNode, useEffect, useState } from "react"
import { DeskProvider } from "@/data/desk"
import { useSession } from "@/data/session"
import { Claim } from "./claim"
import { Mark } from "./mark"
import { Shell } from "./shell"

const SignIn = dynamic(() => import("@/screens/sign-in"))

/** A letter's link, `/#reset=<token>`: in the fragment, so that no log has it. */
export type LetterLink = { purpose: "verify" | "reset" | "confirm"; token: string }

export function readLink(hash: string): LetterLink | null {
  const [, purpose, token] = /^#(verify|reset|confirm)=(.+)$/.exec(hash) ?? []
  return purpose && token ? { purpose: purpose as LetterLink["purpose"], token } : null
}

/** The task that a reminder's link leads to, `/#/tasks/<id>`. */
export function readTask(hash: string): string | null {
  return /^#\/tasks\/([0-9a-f-]{36})$/.exec(hash)?.[1] ?? null
}

export function Gate({ children }: { children: ReactNode }) {
  const { user } = useSession()
  const [link, setLink] = useState<LetterLink | null>(null)
  const { replace } = useRouter()
  useEffect(() => {
    const follow = () => {
      setLink(readLink(location.hash))
      const task = readTask(location.hash)
      if (task) void replace(`/?view=all&task=${task}`)
    }
    follow()
    window.addEventListener("hashchange", follow)
    return () => window.removeEventListener("hashchange", follow)
  }, [replace])
  if (user === undefined) return <Waiting />
  const openedByLink = link && (link.purpose !== "confirm" || !user)
  if (!user || openedByLink) return <SignIn link={link} done={() => setLink(null)} />
  return (
    <DeskProvider key={user.id} user={user}>
      <Shell link={link}>{children}</Shell>
    </DeskProvider>
  )
}

/** Before the first answer: the shape of what is coming, so that nothing jumps. */
function Waiting() {
  return (
    <div className="h-full" aria-busy="true">
      <div className="for-known flex h-full">
        <div className="hidden w-60 shrink-0 px-6 pt-7 md:block"><p className="display flex items-center gap-2.5 text-lg"><Mark size={24} />TaskFlow</p></div>
      </div>
      <div className="for-stranger grid h-full md:grid-cols-[minmax(0,5fr)_minmax(0,6fr)]"><Claim /></div>
    </div>
  )
}
