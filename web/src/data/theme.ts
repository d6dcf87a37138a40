/** Light, dark, or as the system has it; kept in this browser. */
import { useCallback, useEffect, useState } from "react"

export type Theme = "system" | "light" | "dark"

export function useTheme(): [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>("system")
  useEffect(() => setTheme((localStorage.getItem("theme") as Theme | null) ?? "system"), [])
  const choose = useCallback((next: Theme) => {
    setTheme(next)
    if (next === "system") {
      localStorage.removeItem("theme")
      delete document.documentElement.dataset.theme
    } else {
      localStorage.setItem("theme", next)
      document.documentElement.dataset.theme = next
    }
  }, [])
  return [theme, choose]
}
