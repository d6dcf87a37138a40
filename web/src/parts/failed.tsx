/** What is shown instead of something that could not be loaded. */
import { useQueryClient } from "@tanstack/react-query"
import { Refusal } from "@/api/client"
import { useWords } from "@/data/language"

export function Failed({ error }: { error: Error }) {
  const t = useWords()
  const client = useQueryClient()
  const forbidden = error instanceof Refusal && error.status === 403
  return (
    <div role="alert" className="px-3 pt-14">
      <p className="display text-xl">{t.failed.title}</p>
      <p className="mt-1 max-w-md text-soft">{forbidden ? t.failed.forbidden : error.message}</p>
      {!forbidden && <button className="plain mt-4" onClick={() => void client.refetchQueries({ type: "active" })}>{t.failed.again}</button>}
    </div>
  )
}
