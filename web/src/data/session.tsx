/** Who is logged in: asked of the server, remembered for a start without one. The cookie that proves it is out of reach of every script. */
import { useQuery, useQueryClient } from "@tanstack/react-query"
import { type ReactNode, createContext, useCallback, useContext, useEffect, useMemo, useState } from "react"
import { Refusal, ask, get, onSignedOut } from "@/api/client"
import type { User } from "@/api/shapes"
import { forgetKept } from "./kept"

export type Session = {
  /** undefined: not known yet; null: nobody. */
  user: User | null | undefined
  /** A session that ended while the page was open. */
  ended: boolean
  welcome: (user: User) => void
  leave: (everywhere?: boolean) => Promise<void>
  end: () => void
}

const KEPT = "taskflow-user"
const SessionContext = createContext<Session | null>(null)

function remembered(): User | undefined {
  try {
    return JSON.parse(localStorage.getItem(KEPT) ?? "") as User
  } catch {
    return undefined
  }
}

async function whoAmI(): Promise<User | null> {
  try {
    return await get<User>("/v1/me")
  } catch (error) {
    if (error instanceof Refusal) return null
    const known = remembered()
    if (known) return known
    throw error
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient()
  const [ended, setEnded] = useState(false)
  const { data: user } = useQuery({ queryKey: ["me"], queryFn: whoAmI, retry: true, retryDelay: 1000, staleTime: 60_000 })
  const welcome = useCallback((one: User) => {
    setEnded(false)
    client.setQueryData(["me"], one)
  }, [client])
  const end = useCallback(() => {
    setEnded(true)
    client.setQueryData(["me"], null)
  }, [client])
  const leave = useCallback(async (everywhere = false) => {
    await (everywhere ? ask("DELETE", "/v1/sessions") : ask("POST", "/v1/auth/logout"))
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "me" })
    await forgetKept()
    client.setQueryData(["me"], null)
  }, [client])
  useEffect(() => onSignedOut(() => client.getQueryData(["me"]) && end()), [client, end])
  useEffect(() => remember(user), [user])
  const session = useMemo(() => ({ user, ended, welcome, leave, end }), [user, ended, welcome, leave, end])
  return <SessionContext value={session}>{children}</SessionContext>
}

function remember(user: User | null | undefined): void {
  if (user) localStorage.setItem(KEPT, JSON.stringify(user))
  else if (user === null) localStorage.removeItem(KEPT)
}

export function useSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error("useSession stands outside of SessionProvider")
  return session
}
