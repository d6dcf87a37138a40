/** What TaskFlow promises, beside the way in; written into the file itself, so that it is there before any script. */
import { useWords } from "@/data/language"
import { Mark } from "./mark"

export function Claim() {
  const t = useWords()
  return (
    <div className="flex flex-col justify-between gap-8 bg-deep px-6 py-8 text-on-deep md:px-14 md:py-14">
      <p className="display claim flex items-center gap-2.5 text-lg"><Mark size={26} />{t.name}</p>
      <p className="display max-w-md text-2xl leading-tight md:text-4xl md:leading-[1.1]">{t.sign.claim}</p>
      <svg viewBox="0 0 400 40" className="hidden w-full max-w-md opacity-70 md:block" aria-hidden="true">
        <path d="M4 20h388" className="flow stroke-current" strokeWidth="1.5" strokeLinecap="round" fill="none" />
        {[4, 132, 262, 392].map((x) => <circle key={x} cx={x} cy="20" r="4" className="fill-current" />)}
      </svg>
    </div>
  )
}
