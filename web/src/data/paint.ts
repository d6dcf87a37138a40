/** What may wait until a change is on screen: on a small machine, a request and what it sets off compete with the frame that a person waits for. */

const LONGEST_MS = 100

/** Runs `work` once the next frame is painted; a page that is hidden paints none, so a clock ends the wait. */
export function afterPaint(work: () => void): void {
  let done = false
  const once = () => {
    if (done) return
    done = true
    work()
  }
  // What is asked for in a frame runs before its paint; a task from there runs after it.
  requestAnimationFrame(() => setTimeout(once))
  setTimeout(once, LONGEST_MS)
}

/** Runs the newest `work` after `pause` ms without another, at the latest after `longest`. */
export function whenCalm(work: () => void, pause: number, longest: number): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let first = 0
  return () => {
    const now = Date.now()
    if (timer === undefined) first = now
    clearTimeout(timer)
    timer = setTimeout(() => {
      timer = undefined
      work()
    }, Math.max(0, Math.min(pause, first + longest - now)))
  }
}
