/** Tags, with their counts and colours. */
import { useQuery } from "@tanstack/react-query"
import { get } from "@/api/client"
import type { Page, Tag } from "@/api/shapes"

export function useTags(): Tag[] {
  const { data } = useQuery({ queryKey: ["aside", "tags"], queryFn: ({ signal }) => get<Page<Tag>>("/v1/tags", signal), staleTime: 5000 })
  return data?.items ?? []
}

/** A tag's own hue: the same everywhere, without being stored. */
export function hueOf(tag: string): number {
  let sum = 0x811c9dc5
  for (const letter of tag.toLowerCase()) sum = Math.imul(sum ^ letter.codePointAt(0)!, 0x01000193) >>> 0
  return (sum % 18) * 20
}
