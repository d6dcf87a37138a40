/** The frame of every page behind the gate: where one can go, how the connection is, what needs a decision. */
import dynamic from "next/dynamic"
import { useRouter } from "next/router"
import { type ReactNode, useEffect, useState } from "react"
import { ask } from "@/api/client"
import { useDesk } from "@/data/desk"
import { type Keys, useKeys } from "@/data/keys"
import { useWords } from "@/data/language"
import { useNotices } from "@/data/notices"
import { useArrivals } from "@/data/place"
import { BottomBar } from "./bottom-bar"
import type { LetterLink } from "./gate"
import { Sidebar } from "./sidebar"
import { Unsaved } from "./unsaved"

const KeySheet = dynamic(() => import("./key-sheet"))

const GO: Record<string, string> = {
  "g t": "/", "g u": "/?view=upcoming", "g o": "/?view=overdue", "g d": "/?view=done", "g a": "/?view=all",
  "g w": "/week", "g m": "/month", "g b": "/board", "g r": "/reminders", "g s": "/settings",
}

export function Shell({ children, link }: { children: ReactNode; link: LetterLink | null }) {
  const t = useWords()
  const router = useRouter()
  const { undoLast } = useNotices()
  const [sheet, setSheet] = useState(false)
  useChannelLink(link)
  useArrivals()
  const keys: Keys = { "?": () => setSheet(true), z: undoLast, "Control+z": undoLast }
  for (const [name, path] of Object.entries(GO)) keys[name] = () => void router.push(path)
  useKeys(keys)
  return (
    <div className="flex h-full flex-col md:flex-row">
      <a href="#main" className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-70 focus:rounded-md focus:bg-raised focus:px-4 focus:py-2">{t.nav.skip}</a>
      <Sidebar help={() => setSheet(true)} />
      <div className="flex min-h-0 min-w-0 flex-1">{children}</div>
      <div className="px-3 md:hidden"><Unsaved /></div>
      <BottomBar />
      {sheet && <KeySheet close={() => setSheet(false)} />}
    </div>
  )
}

/** A letter asked to confirm an address for reminders: `/#confirm=<channel>.<token>`. */
function useChannelLink(link: LetterLink | null): void {
  const t = useWords()
  const { user } = useDesk()
  const { tell } = useNotices()
  useEffect(() => {
    if (link?.purpose !== "confirm") return
    const [channel, ...token] = link.token.split(".")
    ask("POST", `/v1/channels/${channel}/confirm`, { body: { token: token.join(".") } })
      .then(() => tell({ text: t.sign.confirmed }), (error: Error) => tell({ text: t.sign.link, detail: error.message, tone: "late" }))
      .finally(() => history.replaceState(history.state, "", location.pathname + location.search))
  }, [link, user.id, t, tell])
}
