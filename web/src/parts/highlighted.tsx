/** A text with the words marked that were searched for; accents and case do not count. */
import type { Range } from "@/api/shapes"
import { UNSPACED, fold } from "@/data/spec"

export type Piece = { text: string; marked: boolean }

/** Where `words` begin in `text`, as pieces; text as it is, never as markup. */
export function piecesOf(text: string, words: readonly string[]): Piece[] {
  if (words.length === 0) return [{ text, marked: false }]
  const letters = [...text]
  const folded = letters.map((letter) => fold(letter)[0] ?? letter)
  const marked = new Array<boolean>(letters.length).fill(false)
  const flat = folded.join("")
  // Letters that fold to more than one unit shift places; then nothing is marked rather than the wrong thing.
  if (flat.length === letters.length) for (const word of words) mark(flat, word, marked)
  const pieces: Piece[] = []
  letters.forEach((letter, n) => {
    const last = pieces.at(-1)
    if (last && last.marked === marked[n]) last.text += letter
    else pieces.push({ text: letter, marked: Boolean(marked[n]) })
  })
  return pieces
}

function mark(text: string, word: string, marked: boolean[]): void {
  for (let at = text.indexOf(word); word && at >= 0; at = text.indexOf(word, at + 1)) {
    if (begins(text, at)) marked.fill(true, at, at + word.length)
  }
}

const LETTER = /[\p{L}\p{N}]/u

function begins(text: string, at: number): boolean {
  return at === 0 || !LETTER.test(text[at - 1]!) || UNSPACED.test(text[at]!)
}

/** `text` cut where the server found something; what lies outside of it is left out. */
export function cutAt(text: string, ranges: readonly Range[]): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const [begin, end] of [...ranges].sort(([one], [other]) => one - other)) {
    if (begin < at || end > text.length) continue
    pieces.push({ text: text.slice(at, begin), marked: false }, { text: text.slice(begin, end), marked: true })
    at = end
  }
  return [...pieces, { text: text.slice(at), marked: false }].filter((piece) => piece.text)
}

export function Highlighted({ pieces }: { pieces: readonly Piece[] }) {
  return <>{pieces.map((piece, n) => (piece.marked ? <mark key={n} className="rounded-sm bg-tint text-inherit">{piece.text}</mark> : piece.text))}</>
}
