/** How the page stands to the server, in a word: live, connecting, or offline with what waits. */
import { useDesk, useClock } from "@/data/desk"
import { useWords } from "@/data/language"

export function Connection() {
  const t = useWords()
  const { connection, outbox } = useDesk()
  useClock()
  const waiting = outbox.entries.filter((entry) => entry.state === "waiting" && entry.attempts > 0).length
  const offline = connection === "lost"
  const colour = connection === "live" ? "fill-accent" : offline ? "fill-late" : "fill-faint"
  return (
    <p role="status" title={offline ? t.connection.offline : t.connection.explain} data-connection={connection} className="flex min-h-8 items-center gap-3 px-3 text-sm text-soft">
      <svg width="17" height="17" viewBox="0 0 17 17" aria-hidden="true"><circle cx="8.5" cy="8.5" r="3.5" className={`${colour} ${connection === "connecting" ? "breathe" : ""}`} /></svg>
      {waiting > 0 && connection !== "live" ? `${t.connection.lost} · ${t.connection.waiting(waiting)}` : t.connection[connection]}
    </p>
  )
}
