/** A part of a page of choices: what it is about beside its fields, and a field with its name. */
import type { ReactNode } from "react"

export function Section({ title, explain, children }: { title: string; explain?: string; children: ReactNode }) {
  return (
    <section className="grid gap-x-10 gap-y-4 border-t border-line pt-6 md:grid-cols-[12rem_1fr]">
      <div><h2 className="display text-lg">{title}</h2>{explain && <p className="mt-1 text-sm text-faint">{explain}</p>}</div>
      <div className="grid min-w-0 gap-4">{children}</div>
    </section>
  )
}

export function Labelled({ label, children }: { label: string; children: ReactNode }) {
  return <label className="grid gap-1.5"><span className="label">{label}</span>{children}</label>
}
