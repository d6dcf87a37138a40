/** The people of this TaskFlow, for admins: who they are, and what each may do. */
import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useState } from "react"
import { ask, get } from "@/api/client"
import type { Page, User } from "@/api/shapes"
import { useAttempt } from "@/data/attempt"
import { useDesk } from "@/data/desk"
import { useWords } from "@/data/language"
import { useNotices } from "@/data/notices"
import { Empty } from "@/parts/empty"
import { Failed } from "@/parts/failed"
import { Room } from "@/parts/room"

const KEY = "users"
const ROLES = ["auditor", "admin"] as const
const REST_MS = 400

export function Users() {
  const t = useWords()
  const [text, setText] = useState("")
  const q = useRested(text)
  const list = useInfiniteQuery({
    queryKey: [KEY, q], initialPageParam: "", getNextPageParam: (last: Page<User>) => last.next_cursor, placeholderData: keepPreviousData, staleTime: 0,
    queryFn: ({ pageParam, signal }) => get<Page<User>>(`/v1/users?${new URLSearchParams({ ...(q ? { q } : {}), ...(pageParam ? { cursor: pageParam } : {}) })}`, signal),
  })
  const users = list.data?.pages.flatMap((page) => page.items) ?? []
  return (
    <Room title={t.users.title} explain={t.users.explain}>
      {list.error ? <Failed error={list.error} /> : <>
        <input type="search" className="field" aria-label={t.users.search} placeholder={t.users.search} maxLength={320} value={text} onChange={(event) => setText(event.target.value)} />
        {list.isSuccess && users.length === 0 && <Empty words={t.users.none} />}
        <ul className="mt-4 border-t border-line">{users.map((user) => <li key={user.id} className="border-b border-line"><UserLine user={user} /></li>)}</ul>
        {list.hasNextPage && <button className="plain mt-6" onClick={() => void list.fetchNextPage()}>{t.audit.more}</button>}
      </>}
    </Room>
  )
}

/** What is typed, once it rests: each look at people stands in the audit. */
function useRested(text: string): string {
  const [rested, setRested] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setRested(text.trim()), REST_MS)
    return () => clearTimeout(timer)
  }, [text])
  return rested
}

function UserLine({ user }: { user: User }) {
  const t = useWords()
  const me = useDesk().user
  const client = useQueryClient()
  const { tell } = useNotices()
  const attempt = useAttempt()
  // What was asked for shows at once, and until the list says so itself.
  const [asked, setAsked] = useState<string[] | null>(null)
  const shown = asked ?? user.roles
  const set = async (roles: string[]) => {
    setAsked(roles)
    const done = await attempt(async () => {
      await ask("PATCH", `/v1/users/${user.id}`, { key: crypto.randomUUID(), body: { roles } })
      await client.invalidateQueries({ queryKey: [KEY] })
    })
    setAsked(null)
    return done
  }
  const flip = async (role: string) => {
    const roles = shown.includes(role) ? shown.filter((one) => one !== role) : [...shown, role]
    if (await set(roles)) tell({ text: t.users.changed(user.name || user.email), undo: () => void set(user.roles) })
  }
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-1 px-1 py-3">
      <p className="min-w-52 flex-1"><span className="block font-semibold">{user.name || user.email}{user.id === me.id && <span className="font-normal text-faint"> · {t.users.you}</span>}</span><span className="text-sm text-faint">{user.name && user.email}</span></p>
      <fieldset className="flex gap-5">
        <legend className="sr-only">{t.users.rolesOf(user.name || user.email)}</legend>
        {/* Who took the role of an admin from themselves could not give it back. */}
        {ROLES.map((role) => <label key={role} className="flex min-h-8 items-center gap-2 text-sm max-md:min-h-11"><input type="checkbox" className="size-4 accent-accent" disabled={user.id === me.id && role === "admin"} checked={shown.includes(role)} onChange={() => void flip(role)} />{t.users.roles[role]}</label>)}
      </fieldset>
    </div>
  )
}
