/** Says that something needs a decision, wherever one is; what it is opens when asked for. */
import { TriangleAlert } from "lucide-react"
import dynamic from "next/dynamic"
import { useState } from "react"
import { useClock, useDesk } from "@/data/desk"
import { useWords } from "@/data/language"

const Decisions = dynamic(() => import("./decisions"))

export function Unsaved() {
  const t = useWords()
  const { outbox } = useDesk()
  useClock()
  const [open, setOpen] = useState(false)
  const entries = outbox.entries.filter((entry) => entry.state === "refused" || entry.state === "conflict")
  if (entries.length === 0) return null
  return (
    <>
      <button onClick={() => setOpen(true)} className="flex min-h-9 w-full items-center gap-3 rounded-md bg-late-tint px-3 text-left text-sm font-semibold text-late max-md:my-1.5 max-md:min-h-11">
        <TriangleAlert size={17} aria-hidden="true" />{t.unsaved.button(entries.length)}
      </button>
      {open && <Decisions entries={entries} close={() => setOpen(false)} />}
    </>
  )
}
