/** A text with the words marked that were searched for; accents and case do not count. */
import { fold } from "@/data/spec"

/** Where `words` begin in `text`, as pieces; text as it is, never as markup. */
export function piecesOf(text: string, words: readonly string[]): { text: string; marked: boolean }[] {
  const letters = [...text]
  const folded = letters.map((letter) => fold(letter)[0] ?? letter)
  const marked = new Array<boolean>(letters.length).fill(false)
  const flat = folded.join("")
  // Letters that fold to more than one unit shift places; then nothing is marked rather than the wrong thing.
  if (flat.length === letters.length) for (const word of words) mark(flat, word, marked)
  const pieces: { text: string; marked: boolean }[] = []
  letters.forEach((letter, n) => {
    const last = pieces.at(-1)
    if (last && last.marked === marked[n]) last.text += letter
    else pieces.push({ text: letter, marked: Boolean(marked[n]) })
  })
  return pieces
}

function mark(text: string, word: string, marked: boolean[]): void {
  for (let at = text.indexOf(word); word && at >= 0; at = text.indexOf(word, at + 1)) marked.fill(true, at, at + word.length)
}

export function Highlighted({ text, words }: { text: string; words: readonly string[] }) {
  if (words.length === 0) return <>{text}</>
  return <>{piecesOf(text, words).map((piece, n) => (piece.marked ? <mark key={n} className="rounded-sm bg-tint text-inherit">{piece.text}</mark> : piece.text))}</>
}
