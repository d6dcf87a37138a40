/** A change that is asked for at once and without the outbox: accounts, channels, rights. */
import { Refusal } from "@/api/client"
import { useWords } from "./language"
import { useNotices } from "./notices"

/** Tells how a change went; a refusal in its own words. */
export function useAttempt(): (work: () => Promise<unknown>, said?: string) => Promise<boolean> {
  const { tell } = useNotices()
  const t = useWords()
  return async (work, said) => {
    try {
      await work()
      if (said) tell({ text: said })
      return true
    } catch (error) {
      tell({ text: t.done.refused, detail: error instanceof Refusal ? error.detail : t.sign.busy, tone: "late" })
      return false
    }
  }
}
