/** The stream of changes: one WebSocket that starts where the last one ended, and a state that people can see. */
import { get } from "@/api/client"
import type { Change, Frame } from "@/api/shapes"

export type Connection = "connecting" | "live" | "lost"
export type Heard = { items: (items: Change[]) => void; resync: () => void; state: (state: Connection) => void; ended: () => void }

const REVOKED = 4401
const FIRST_PAUSE = 500
const LONGEST_PAUSE = 15_000

export class Live {
  private socket: WebSocket | undefined
  private cursor: string | undefined
  private pause = FIRST_PAUSE
  private timer: ReturnType<typeof setTimeout> | undefined
  private closed = false

  constructor(private readonly heard: Heard) {}

  open = (): void => {
    if (this.closed) return
    clearTimeout(this.timer)
    this.heard.state("connecting")
    const since = this.cursor ? `?since=${encodeURIComponent(this.cursor)}` : ""
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/v1/live${since}`)
    this.socket = socket
    socket.onmessage = (message) => this.read(JSON.parse(String(message.data)) as Frame)
    socket.onclose = (event) => {
      if (this.socket === socket) this.lose(event.code)
    }
  }

  private read(frame: Frame): void {
    this.pause = FIRST_PAUSE
    this.cursor = frame.cursor
    this.heard.state("live")
    if (frame.resync) this.heard.resync()
    else if (frame.items?.length) this.heard.items(frame.items)
  }

  private lose(code: number): void {
    this.heard.state("lost")
    if (this.closed) return
    if (code === REVOKED) return this.heard.ended()
    this.timer = setTimeout(this.open, this.pause * (0.75 + Math.random() / 2))
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE)
  }

  /** After sleep, or when the network says that it is back: what was missed comes at once, by a new stream if this one is dead. */
  catchUp = async (): Promise<void> => {
    if (this.closed) return
    if (this.socket?.readyState !== WebSocket.OPEN || !this.cursor) return this.reopen()
    try {
      this.read(await get<Frame>(`/v1/changes?limit=500&since=${encodeURIComponent(this.cursor)}`, AbortSignal.timeout(5000)))
    } catch {
      this.reopen()
    }
  }

  /** The network says that it is gone: no need to wait until the stream notices. */
  suspend = (): void => {
    this.drop()
    this.heard.state("lost")
  }

  private reopen(): void {
    this.drop()
    this.pause = FIRST_PAUSE
    this.open()
  }

  private drop(): void {
    const socket = this.socket
    this.socket = undefined
    socket?.close()
  }

  close(): void {
    this.closed = true
    clearTimeout(this.timer)
    this.drop()
  }
}
