/** Stands in for react-remove-scroll, whose <style> the policy refuses: a wrapper that locks nothing, because the page as a whole never scrolls. */
import { Slot } from "@radix-ui/react-slot"
import type { ReactNode } from "react"

export function RemoveScroll({ children, as }: { children: ReactNode; as?: typeof Slot }) {
  return as ? <Slot>{children}</Slot> : <>{children}</>
}

export default RemoveScroll
