/** A tag's colour, as a dot. */
import { hueOf } from "@/data/tags"

export function TagDot({ tag }: { tag: string }) {
  return <svg width="17" height="17" viewBox="0 0 17 17" aria-hidden="true"><circle cx="8.5" cy="8.5" r="3.5" fill={`oklch(0.64 0.12 ${hueOf(tag)})`} /></svg>
}
