/** The person's language: English comes with the page, another when it is chosen. */
import { type ReactNode, createContext, useCallback, useContext, useEffect, useState } from "react"
import { type Words, en } from "@/words/en"
import { tellWorker } from "./push"

export const LANGUAGES = { en: "English", de: "Deutsch" } as const
export type Language = keyof typeof LANGUAGES
type Chosen = { t: Words; language: Language; locale: string; choose: (language: Language) => void }

const LanguageContext = createContext<Chosen>({ t: en, language: "en", locale: "en", choose: () => {} })

const load: Record<Language, () => Promise<Words>> = {
  en: async () => en,
  de: async () => (await import("@/words/de")).de,
}

function preferred(): Language {
  const kept = localStorage.getItem("language") ?? navigator.language.slice(0, 2)
  return kept in LANGUAGES ? (kept as Language) : "en"
}

/** The browser's own kind of English or German, so that dates look as the person is used to. */
function localeOf(language: Language): string {
  return navigator.languages.find((one) => one.startsWith(language)) ?? (language === "en" ? "en-GB" : language)
}

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [chosen, setChosen] = useState<{ t: Words; language: Language; locale: string }>({ t: en, language: "en", locale: "en-GB" })
  const show = useCallback(async (language: Language) => {
    const t = await load[language]()
    document.documentElement.lang = language
    void tellWorker(language).catch(() => {})
    setChosen({ t, language, locale: localeOf(language) })
  }, [])
  useEffect(() => void show(preferred()), [show])
  const choose = useCallback((language: Language) => {
    localStorage.setItem("language", language)
    void show(language)
  }, [show])
  return <LanguageContext value={{ ...chosen, choose }}>{children}</LanguageContext>
}

export const useLanguage = () => useContext(LanguageContext)
export const useWords = () => useContext(LanguageContext).t
