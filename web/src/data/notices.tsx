/** Short notices with a way back: what was done, and undo; the newest undo also answers a key. */
import dynamic from "next/dynamic"
import { type ReactNode, createContext, useCallback, useContext, useMemo, useRef, useState } from "react"

export type Notice = { text: string; detail?: string; tone?: "late"; undo?: () => void }
export type Shown = Notice & { id: number; open: boolean }
type Notices = {
  tell: (notice: Notice) => void
  /** A way back without a word: for what is edited in place. */
  remember: (undo: () => void) => void
  undoLast: () => void
}

const NoticeRegion = dynamic(() => import("@/parts/notice-region"))

export const UNDO_MS = 7000
const NoticesContext = createContext<Notices>({ tell: () => {}, remember: () => {}, undoLast: () => {} })

export function NoticesProvider({ children }: { children: ReactNode }) {
  const [shown, setShown] = useState<Shown[]>([])
  const next = useRef(0)
  const undos = useRef<{ id: number; undo: () => void }[]>([])
  const close = useCallback((id: number) => {
    setShown((all) => all.map((one) => (one.id === id ? { ...one, open: false } : one)))
    setTimeout(() => setShown((all) => all.filter((one) => one.id !== id)), 200)
  }, [])
  const remember = useCallback((undo: () => void, id = next.current++) => {
    undos.current = [...undos.current.slice(-49), { id, undo }]
  }, [])
  const tell = useCallback((notice: Notice) => {
    const id = next.current++
    if (notice.undo) remember(notice.undo, id)
    setShown((all) => [...all.slice(-2), { ...notice, id, open: true }])
  }, [remember])
  const undo = useCallback((id: number) => {
    const found = undos.current.find((one) => one.id === id)
    undos.current = undos.current.filter((one) => one.id !== id)
    close(id)
    found?.undo()
  }, [close])
  const undoLast = useCallback(() => {
    const last = undos.current.at(-1)
    if (last) undo(last.id)
  }, [undo])
  const notices = useMemo(() => ({ tell, remember: (undo: () => void) => remember(undo), undoLast }), [tell, remember, undoLast])
  return (
    <NoticesContext value={notices}>
      {children}
      {shown.length > 0 && <NoticeRegion shown={shown} close={close} undo={undo} />}
    </NoticesContext>
  )
}

export const useNotices = () => useContext(NoticesContext)
