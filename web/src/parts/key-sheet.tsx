/** The `?` sheet: every key. */
import * as Dialog from "@radix-ui/react-dialog"
import { useWords } from "@/data/language"
import { Sheet } from "./sheet"

export default function KeySheet({ close }: { close: () => void }) {
  const { keys } = useWords()
  return (
    <Dialog.Root open onOpenChange={(open) => !open && close()}>
      <Sheet title={keys.title} wide>
        <dl className="grid gap-x-10 sm:grid-cols-2">
          {Object.entries(keys.list).map(([key, words]) => (
            <div key={key} className="flex items-center justify-between gap-4 border-b border-line py-2 text-sm">
              <dt className="text-soft">{words}</dt>
              <dd className="flex gap-1">{key.split(" ").map((one) => <kbd key={one} className="figures rounded border border-line bg-paper px-1.5 py-0.5 font-sans text-xs font-semibold">{one}</kbd>)}</dd>
            </div>
          ))}
        </dl>
      </Sheet>
    </Dialog.Root>
  )
}
