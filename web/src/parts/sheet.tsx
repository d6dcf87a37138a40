/** A dialog's body: centred on a desk, from below on a phone. */
import * as Dialog from "@radix-ui/react-dialog"
import { X } from "lucide-react"
import type { ReactNode } from "react"
import { useWords } from "@/data/language"

export function Sheet({ title, description, wide, children }: { title: string; description?: string; wide?: boolean; children: ReactNode }) {
  const t = useWords()
  return (
    <Dialog.Portal>
      <Dialog.Overlay className="fixed inset-0 z-50 bg-ink/25" />
      <Dialog.Content aria-describedby={description ? undefined : ""} className={`floating appear fixed inset-x-0 bottom-0 max-h-[88dvh] overflow-y-auto rounded-b-none p-6 md:inset-auto md:top-1/2 md:left-1/2 md:w-[92vw] md:-translate-x-1/2 md:-translate-y-1/2 md:rounded-b-lg ${wide ? "md:max-w-3xl" : "md:max-w-lg"}`}>
        <div className="mb-4 flex items-start gap-4">
          <div className="flex-1">
            <Dialog.Title className="display text-xl">{title}</Dialog.Title>
            {description && <Dialog.Description className="mt-1 text-sm text-soft">{description}</Dialog.Description>}
          </div>
          <Dialog.Close aria-label={t.task.close} className="icon-button -mt-1 -mr-2"><X size={18} /></Dialog.Close>
        </div>
        {children}
      </Dialog.Content>
    </Dialog.Portal>
  )
}
