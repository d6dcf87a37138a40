// Before the first paint: the theme that the person chose here, and whether anybody was here.
try {
  const chosen = localStorage.getItem("theme")
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen
  if (localStorage.getItem("taskflow-user")) document.documentElement.dataset.known = ""
} catch {}
