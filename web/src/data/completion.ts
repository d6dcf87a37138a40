/** What could be written next in a filter expression: the server says, which alone knows the language. */
import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { get } from "@/api/client"

export type Offer = { text: string; kind: string }
type Completion = { items: Offer[]; from: number }

const MOST = 10

/** The offers at `cursor` of `text`, and where what they replace begins; none while nobody writes there. */
export function useCompletion(text: string, cursor: number | null): { offers: Offer[]; from: number } {
  const query = new URLSearchParams({ filter: text, position: String(cursor ?? 0) })
  const { data, isPlaceholderData } = useQuery({
    queryKey: ["completion", query.toString()], enabled: cursor !== null, staleTime: 60_000, placeholderData: keepPreviousData, retry: false,
    queryFn: ({ signal }) => get<Completion>(`/v1/filters/complete?${query}`, signal),
  })
  if (!data || cursor === null) return { offers: [], from: 0 }
  const begun = text.slice(data.from, cursor)
  // The last answer still serves while the next is on its way, as far as it fits what is typed since.
  const fitting = isPlaceholderData ? data.items.filter((one) => startsWith(one.text, begun)) : data.items
  return { offers: fitting.filter((one) => one.text !== begun).slice(0, MOST), from: data.from }
}

function startsWith(text: string, begun: string): boolean {
  return text.toLowerCase().startsWith(begun.toLowerCase())
}
