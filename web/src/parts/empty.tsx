/** What stands where nothing is: a calm word, and what helps. */
export function Empty({ words: [title, more] }: { words: string[] }) {
  return (
    <div className="appear px-3 pt-16 md:pl-24">
      <p className="display text-xl">{title}</p>
      <p className="mt-1 max-w-sm text-soft">{more}</p>
    </div>
  )
}
