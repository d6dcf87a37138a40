
// --- reminders -----------------------------------------------------------------------------------

const SAYINGS = {
  en: { done: "Done", snooze: "In an hour", due: "Due", failed: "Not saved. Open the task to try again." },
  de: { done: "Erledigt", snooze: "In einer Stunde", due: "Fällig", failed: "Nicht gespeichert. Öffne die Aufgabe und versuch es dort." },
}
const NO_TASK = /^[0-]*$/

async function sayings() {
  const told = await caches.open("taskflow-language").then((cache) => cache.match("/language"))
  const language = told ? await told.text() : navigator.language.slice(0, 2)
  return { language, ...(SAYINGS[language] ?? SAYINGS.en) }
}

function dueOf({ due_at: at, due_on: on }, { due, language }) {
  if (!at && !on) return ""
  const shape = at ? { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" } : { weekday: "short", day: "numeric", month: "short" }
  return `${due} ${new Intl.DateTimeFormat(language, shape).format(new Date(at ?? `${on}T12:00`))}`
}

self.addEventListener("push", (event) => event.waitUntil(showReminder(event.data ? event.data.json() : {})))

async function showReminder(given) {
  const say = await sayings()
  const task = given.task_id && !NO_TASK.test(given.task_id) ? given.task_id : null
  await self.registration.showNotification(given.title ?? "TaskFlow", {
    body: [dueOf(given, say), given.body].filter(Boolean).join("\n"),
    // What is told twice is shown once.
    tag: given.delivery_id,
    icon: "/icon-192.png",
    badge: "/icon-192.png",
    data: { task, delivery: given.delivery_id },
    actions: task ? [{ action: "complete", title: say.done }, { action: "snooze", title: say.snooze }] : [],
  })
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close()
  event.waitUntil(answer(event.action, event.notification.title, event.notification.data ?? {}))
})

// The session's cookie goes with it; where that has ended, or nobody answers, the page is the place to go on.
async function answer(action, title, { task, delivery }) {
  if (!action) return openTask(task)
  const body = action === "snooze" ? JSON.stringify({ for: "PT1H" }) : undefined
  const headers = { "Idempotency-Key": `${delivery}-${action}`, Prefer: "wait=20", ...(body ? { "Content-Type": "application/json" } : {}) }
  const said = await fetch(`/v1/tasks/${task}/${action}`, { method: "POST", headers, body }).catch(() => null)
  if (said?.ok) return
  const { failed } = await sayings()
  await self.registration.showNotification(title, { body: failed, tag: delivery, icon: "/icon-192.png", data: { task, delivery } })
}

async function openTask(task) {
  const path = task ? `/?view=all&task=${task}` : "/"
  const open = (await self.clients.matchAll({ type: "window" }))[0]
  if (!open) return self.clients.openWindow(path)
  await open.focus()
  return open.navigate(path)
}
