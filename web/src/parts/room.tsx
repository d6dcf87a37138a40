/** The frame of a page that is no list: its title, a sentence, its contents. */
import Head from "next/head"
import type { ReactNode } from "react"

export function Room({ title, explain, wide, action, children }: { title: string; explain?: string; wide?: boolean; action?: ReactNode; children: ReactNode }) {
  return (
    <main id="main" tabIndex={-1} className="min-w-0 flex-1 overflow-y-auto outline-none">
      <Head><title>{`${title} · TaskFlow`}</title></Head>
      <div className={`mx-auto px-5 pt-6 pb-24 md:px-12 md:pt-13 ${wide ? "max-w-7xl" : "max-w-3xl"}`}>
        <header className="flex flex-wrap items-end justify-between gap-4 pb-8">
          <div>
            <h1 className="display text-4xl leading-none">{title}</h1>
            {explain && <p className="mt-2.5 max-w-xl text-soft">{explain}</p>}
          </div>
          {action}
        </header>
        {children}
      </div>
    </main>
  )
}
