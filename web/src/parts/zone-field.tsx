/** A time zone by its name; what is no zone is not kept. */
import { useId, useState } from "react"

export function ZoneField({ zone, save }: { zone: string; save: (zone: string) => void }) {
  const id = useId()
  const [text, setText] = useState(zone)
  const leave = () => {
    const wanted = text.trim()
    if (wanted === zone) return
    if (isZone(wanted)) save(wanted)
    else setText(zone)
  }
  return (
    <>
      <input className="field" list={id} value={text} onChange={(event) => setText(event.target.value)} onBlur={leave} />
      <datalist id={id}>{Intl.supportedValuesOf("timeZone").map((one) => <option key={one} value={one} />)}</datalist>
    </>
  )
}

function isZone(name: string): boolean {
  try {
    return Boolean(name && new Intl.DateTimeFormat("en", { timeZone: name }))
  } catch {
    return false
  }
}
