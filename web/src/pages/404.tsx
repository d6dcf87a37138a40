/** An address that leads nowhere. */
import Link from "next/link"
import { useWords } from "@/data/language"

export default function NotFound() {
  const { notFound } = useWords()
  return (
    <main id="main" className="flex-1 px-6 pt-16 md:px-14">
      <h1 className="display text-2xl">{notFound.title}</h1>
      <Link href="/" className="mt-4 inline-block text-accent underline underline-offset-4">{notFound.back}</Link>
    </main>
  )
}
