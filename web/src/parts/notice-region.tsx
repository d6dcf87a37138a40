/** Where notices appear: announced, swiped away, undone. */
import * as Toast from "@radix-ui/react-toast"
import { X } from "lucide-react"
import { useWords } from "@/data/language"
import { type Shown, UNDO_MS } from "@/data/notices"

type Given = { shown: Shown[]; close: (id: number) => void; undo: (id: number) => void }

export default function NoticeRegion({ shown, close, undo }: Given) {
  return (
    <Toast.Provider duration={UNDO_MS} swipeDirection="down">
      {shown.map((one) => <NoticeLine key={one.id} notice={one} close={close} undo={undo} />)}
      <Toast.Viewport className="fixed inset-x-4 bottom-20 z-60 flex flex-col items-center gap-2 outline-none md:bottom-6" />
    </Toast.Provider>
  )
}

function NoticeLine({ notice, close, undo }: { notice: Shown; close: (id: number) => void; undo: (id: number) => void }) {
  const t = useWords()
  return (
    <Toast.Root open={notice.open} onOpenChange={(open) => !open && close(notice.id)} className="appear flex max-w-md items-center gap-3 rounded-lg bg-ink py-1.5 pr-1.5 pl-4 text-paper shadow-lg">
      <div className="min-w-0 py-1">
        <Toast.Title className="text-sm font-semibold">{notice.text}</Toast.Title>
        {notice.detail && <Toast.Description className="line-clamp-3 text-sm opacity-80">{notice.detail}</Toast.Description>}
      </div>
      {notice.undo && (
        <Toast.Action altText={t.done.undo} asChild>
          <button className="min-h-8 rounded-md px-3 text-sm font-semibold underline decoration-1 underline-offset-4 hover:bg-paper/15" onClick={() => undo(notice.id)}>{t.done.undo}</button>
        </Toast.Action>
      )}
      <Toast.Close aria-label={t.done.dismiss} className="grid size-8 place-items-center rounded-md hover:bg-paper/15"><X size={16} /></Toast.Close>
    </Toast.Root>
  )
}
