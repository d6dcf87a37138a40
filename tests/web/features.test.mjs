/** The stories of what surrounds tasks: views, expressions, reminders and their channels, tags, people. */
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { BASE, PASSWORD, add, live, logIn, row, settled, story, until } from "./browser.mjs"

const at = (path) => new URL(path, BASE).href
const titles = (page) => page.locator("[data-task] [data-title]").allTextContents()
const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true }

// --- search and views ----------------------------------------------------------------------------

story("a search marks what the server found, stems and notes too, and keeps up with typing", async (page, world) => {
  const ask = await world.device()
  const operations = [
    { title: "Running shoes", notes: "" }, { title: "Ran to the library", notes: "" }, { title: "Errands", notes: `${"word ".repeat(60)}the runners meet at <b>noon</b>` }, { title: "Write to Ada", notes: "" },
  ].map((task) => ({ op: "create", task }))
  await ask("POST", "/v1/tasks/batch", { operations })
  await page.goto(at("/?view=all"))
  await row(page, "Write to Ada").waitFor()
  await page.keyboard.press("/")
  await page.keyboard.type("running", { delay: 30 })
  await page.locator("#main [role=group][aria-busy=false]").waitFor()
  await row(page, "Running shoes").locator("mark").filter({ hasText: "Running" }).waitFor()
  const found = await ask("GET", "/v1/tasks?q=running&sort=relevance")
  await until(async () => (await titles(page)).join() === found.items.map((task) => task.title).join(), "the server's answer, in its order")
  assert.equal(await page.locator("[data-task] b").count(), 0)
  await until(async () => page.url().includes("q=running"), "the address follows")
  await page.locator("#search").press("Escape")
  await row(page, "Write to Ada").waitFor()
})

story("what is typed shows known tasks before the server answers, and survives opening one", async (page) => {
  for (const name of ["buy bread", "buy butter", "call Ada"]) await add(page, name)
  await settled(page)
  await page.goto(at("/?view=all"))
  await row(page, "call Ada").waitFor()
  let held = () => {}
  await page.route("**/v1/tasks?**", async (route) => {
    if (route.request().url().includes("q=")) await new Promise((go) => (held = go))
    await route.continue().catch(() => {})
  })
  await page.locator("#search").fill("but")
  await until(async () => (await titles(page)).join() === "buy butter", "what fits of the known tasks")
  assert.equal(await page.locator("#main [role=group]").getAttribute("aria-busy"), "true")
  await row(page, "buy butter").getByRole("button").click()
  await page.getByRole("complementary", { name: "buy butter" }).waitFor()
  assert.match(page.url(), /q=but/)
  held()
  await page.locator("#main [role=group][aria-busy=false]").waitFor()
})

story("an expression: completion by keyboard, what it finds, and the place of an error", async (page, world) => {
  const ask = await world.device()
  const operations = [{ title: "deep one", tags: ["deep work"], priority: "high" }, { title: "deep two", tags: ["deep work"] }, { title: "other", priority: "high" }].map((task) => ({ op: "create", task }))
  await ask("POST", "/v1/tasks/batch", { operations })
  await page.goto(at("/?view=all"))
  await row(page, "deep one").waitFor()
  await page.getByRole("button", { name: "Filter" }).click()
  await page.getByRole("menuitem", { name: "Filter expression" }).click()
  const line = page.getByRole("combobox", { name: "Filter expression" })
  await line.pressSequentially("pri")
  await page.getByRole("option", { name: /^priority:/ }).waitFor()
  await page.keyboard.press("Tab")
  await line.pressSequentially("hi")
  await page.getByRole("option", { name: /^high/ }).waitFor()
  await page.keyboard.press("Tab")
  await line.pressSequentially("and tag:deep")
  await page.getByRole("option", { name: /"deep work"/ }).waitFor()
  await page.keyboard.press("ArrowDown")
  assert.ok(await line.getAttribute("aria-activedescendant"))
  await page.keyboard.press("Enter")
  assert.equal((await line.inputValue()).trim(), 'priority:high and tag:"deep work"')
  await page.keyboard.press("Escape")
  await page.keyboard.press("Enter")
  await until(async () => (await titles(page)).join() === "deep one", "the one that it means")
  await line.fill("👩 priority:urgent")
  await page.keyboard.press("Escape")
  await page.keyboard.press("Enter")
  const fault = page.getByRole("alert").filter({ hasText: "urgent" })
  await fault.waitFor()
  assert.equal(await fault.locator("mark").innerText(), "u")
  await page.getByRole("button", { name: "Remove the expression" }).click()
  await row(page, "other").waitFor()
})

story("views are kept on the server: saved, seen elsewhere, renamed, moved, removed and back", async (page, world) => {
  const ask = await world.device()
  await ask("POST", "/v1/tasks/batch", { operations: [{ op: "create", task: { title: "low one", priority: "low", due_on: new Date().toISOString().slice(0, 10) } }, { op: "create", task: { title: "high one", priority: "high" } }] })
  await page.goto(at("/?priority=low"))
  await row(page, "low one").waitFor()
  await page.getByRole("button", { name: "Save this view" }).click()
  await page.keyboard.type("Low today")
  await page.keyboard.press("Enter")
  await page.getByRole("link", { name: "Low today" }).waitFor()
  const [view] = (await ask("GET", "/v1/views")).items
  assert.deepEqual([view.name, view.query], ["Low today", { filter: "due < tomorrow", status: "open", priority: "low" }])
  await ask("POST", "/v1/views", { name: "High", query: { priority: "high" } })
  const other = await world.open()
  await logIn(other, world.email)
  await other.getByRole("link", { name: "High" }).click()
  await row(other, "high one").waitFor()
  await other.getByRole("link", { name: "Low today" }).click()
  await row(other, "low one").waitFor()
  const menu = async (name, item) => {
    await other.getByRole("link", { name }).hover()
    await other.getByRole("button", { name: `More about “${name}”` }).click()
    await other.getByRole("menuitem", { name: item }).click()
  }
  await menu("High", "Move up")
  await until(async () => (await ask("GET", "/v1/views")).items[0].name === "High", "it is the first")
  await menu("High", "Rename")
  await other.getByRole("dialog").getByRole("textbox").fill("Urgent")
  await other.keyboard.press("Enter")
  await other.getByRole("link", { name: "Urgent" }).waitFor()
  await menu("Urgent", "Remove")
  await other.getByRole("link", { name: "Urgent" }).waitFor({ state: "detached" })
  await other.getByRole("button", { name: "Undo" }).click()
  await other.getByRole("link", { name: "Urgent" }).waitFor()
})

story("views that this browser kept before go to the server, once", async (page, world) => {
  const ask = await world.device()
  await page.evaluate(() => localStorage.setItem("taskflow-views", JSON.stringify([{ name: "Kitchen", query: "view=all&tag=kitchen&sort=title" }])))
  await page.reload()
  await page.getByRole("link", { name: "Kitchen" }).waitFor()
  assert.deepEqual((await ask("GET", "/v1/views")).items.map(({ name, query }) => ({ name, query })), [{ name: "Kitchen", query: { sort: "title", tag: ["kitchen"] } }])
  await until(() => page.evaluate(() => localStorage.getItem("taskflow-views") === null), "nothing is kept here")
})

// --- tags ----------------------------------------------------------------------------------------

story("a tag is renamed and back, merged and removed, on every task", async (page, world) => {
  const ask = await world.device()
  const operations = [["one", ["home"]], ["two", ["home", "shop"]], ["three", ["house"]]].map(([title, tags]) => ({ op: "create", task: { title, tags } }))
  await ask("POST", "/v1/tasks/batch", { operations })
  const counts = async () => (await ask("GET", "/v1/tags")).items.map(({ name, count }) => `${name} ${count}`).join()
  await page.getByRole("link", { name: "Manage tags" }).click()
  const name = page.getByRole("textbox", { name: "Name of shop" })
  await name.fill("shopping")
  await name.press("Enter")
  await until(async () => (await counts()) === "home 2,house 1,shopping 1", "it is renamed")
  await page.getByRole("button", { name: "Undo" }).click()
  await until(async () => (await counts()) === "home 2,house 1,shop 1", "and called as before")
  await page.getByRole("textbox", { name: "Name of house" }).fill("Home")
  await page.keyboard.press("Enter")
  await page.getByRole("dialog", { name: "Put “house” into “home”?" }).getByRole("button", { name: "Merge" }).click()
  await until(async () => /^home 3,shop 1$/i.test(await counts()), "two became one")
  await page.getByRole("button", { name: "Remove shop" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Remove the tag" }).click()
  await until(async () => /^home 3$/i.test(await counts()), "it is gone")
  await page.getByRole("textbox", { name: "Name of shop" }).waitFor({ state: "detached" })
})

// --- reminders -----------------------------------------------------------------------------------

story("how reminders come is chosen, and holds on the server", async (page, world) => {
  const ask = await world.device()
  await page.goto(at("/settings"))
  await page.getByRole("checkbox", { name: "Quiet hours" }).check()
  await page.getByLabel("From", { exact: true }).fill("21:30")
  await page.getByLabel("From", { exact: true }).blur()
  await until(async () => (await ask("GET", "/v1/me/reminders")).quiet_hours?.from.startsWith("21:30"), "quiet hours hold")
  await page.getByRole("group", { name: "They go by" }).getByRole("checkbox", { name: "E-mail" }).check()
  await page.getByLabel("What an outage made late").selectOption("drop")
  await until(async () => (await ask("GET", "/v1/me/reminders")).late === "drop", "late ones are left out")
  assert.deepEqual((await ask("GET", "/v1/me/reminders")).channels, ["email"])
  await page.getByRole("checkbox", { name: "Quiet hours" }).uncheck()
  await until(async () => (await ask("GET", "/v1/me/reminders")).quiet_hours === null, "no quiet hours")
})

story("a webhook gets a new secret, its log says why it failed, and it is sent again", async (page, world) => {
  const ask = await world.device()
  await page.goto(at("/settings"))
  await page.getByLabel("Kind").selectOption("webhook")
  // Nothing listens there.
  await page.getByLabel("Address", { exact: true }).fill("http://127.0.0.1:9/hook")
  await page.getByRole("button", { name: "Add channel" }).click()
  const secret = page.getByText(/^whsec_/)
  await secret.waitFor()
  const first = await secret.innerText()
  const line = page.getByRole("listitem").filter({ hasText: "127.0.0.1:9" })
  await line.getByRole("button", { name: /^More actions/ }).click()
  await page.getByRole("menuitem", { name: "New signing secret" }).click()
  await until(async () => (await secret.innerText()) !== first, "another secret is shown")
  await line.getByText(/the old secret signs too until/).waitFor()
  await line.getByRole("button", { name: "Send a test" }).click()
  await page.getByText(/^The test:/).first().waitFor()
  await line.getByRole("button", { name: /^More actions/ }).click()
  await page.getByRole("menuitem", { name: "What went there" }).click()
  await line.getByRole("button", { name: "Attempts" }).first().click()
  const [channel] = (await ask("GET", "/v1/channels")).items.filter((one) => one.kind === "webhook")
  const [delivery] = (await ask("GET", `/v1/channels/${channel.id}/deliveries`)).items
  assert.ok(delivery.log.length > 0)
  await line.getByText(delivery.log[0].reason.slice(0, 30)).first().waitFor()
})

story("why a reminder did not come is said at its task, and it is sent again from there", async (page, world) => {
  const ask = await world.device()
  const task = await ask("POST", "/v1/tasks", { title: "look at the oven", due_at: new Date(Date.now() + 1500).toISOString(), timezone: "Europe/Paris", reminders: [{ before: "PT0S" }] })
  await until(async () => (await ask("GET", `/v1/deliveries?task_id=${task.id}`)).items[0]?.state === "sent", "the reminder is sent", 40_000)
  await page.goto(at(`/#/tasks/${task.id}`))
  const panel = page.getByRole("complementary", { name: "look at the oven" })
  await panel.getByRole("button", { name: "Did my reminders come?" }).click()
  await panel.getByText(/It was sent by email at/).waitFor()
  await panel.getByRole("button", { name: "Attempts" }).click()
  await panel.getByRole("button", { name: "Send it again" }).click()
  await until(async () => (await ask("GET", `/v1/deliveries?task_id=${task.id}`)).items[0].attempts > 1, "it is sent once more")
  await page.goto(at("/reminders"))
  await page.getByRole("link", { name: "look at the oven" }).waitFor()
})

story("notifications: a browser that forbids them says the way out", async (page) => {
  await page.goto(at("/settings"))
  await page.getByText("Notifications in this browser").waitFor()
  await page.getByText(/This browser was told to show none|Reminders can appear here/).waitFor()
  const turnOn = page.getByRole("button", { name: "Turn on" })
  if (await turnOn.isEnabled()) {
    await turnOn.click()
    await page.getByText("Notifications are not on").first().waitFor()
  }
})

story("notifications: the service worker shows a reminder, and its button completes the task", async (page, world) => {
  const ask = await world.device()
  await page.context().grantPermissions(["notifications"], { origin: new URL(BASE).origin })
  const task = await ask("POST", "/v1/tasks", { title: "water the plants", due_on: new Date().toISOString().slice(0, 10) })
  await page.reload()
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => {}))
  const [worker] = page.context().serviceWorkers()
  const session = await page.context().newCDPSession(page)
  const registered = new Promise((found) => session.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) => registrations[0] && found(registrations[0].registrationId)))
  await session.send("ServiceWorker.enable")
  const data = JSON.stringify({ title: task.title, body: "the ones on the balcony", due_on: task.due_on, task_id: task.id, delivery_id: crypto.randomUUID() })
  await session.send("ServiceWorker.deliverPushMessage", { origin: new URL(BASE).origin, registrationId: await registered, data })
  const shown = () => worker.evaluate(async () => (await self.registration.getNotifications()).map(({ title, body, actions }) => ({ title, body, actions: actions.map((one) => one.title) })))
  await until(async () => (await shown()).length === 1, "one notification")
  const [notification] = await shown()
  assert.deepEqual([notification.title, notification.actions], ["water the plants", ["Done", "In an hour"]])
  assert.match(notification.body, /^Due .+\nthe ones on the balcony$/)
  await worker.evaluate(async () => {
    const [notification] = await self.registration.getNotifications()
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification, action: "complete" }))
  })
  await until(async () => (await ask("GET", `/v1/tasks/${task.id}`)).status === "done", "the task is done")
  await until(async () => (await shown()).length === 0, "and the notification gone")
})

// --- times ---------------------------------------------------------------------------------------

story("a task starts, reminds from its start and after it is due, and its time follows the person", async (page, world) => {
  const ask = await world.device()
  await add(page, "pack tomorrow 10:00")
  await page.goto(at("/?view=all"))
  await row(page, "pack").getByRole("button").click()
  const panel = page.getByRole("complementary")
  await panel.getByRole("group", { name: "Start" }).getByRole("button").first().click()
  await page.getByRole("button", { name: "Today", exact: true }).click()
  await page.keyboard.press("Escape")
  const remind = async (name) => {
    await panel.getByRole("group", { name: "Reminders" }).getByText("Add a reminder").click()
    await page.getByRole("menuitem", { name, exact: true }).click()
  }
  await remind("1 hour before the start")
  await remind("30 minutes after")
  await panel.getByRole("group", { name: "Due" }).getByRole("button").first().click()
  await page.getByLabel("The same time of day wherever I am").check()
  await until(async () => {
    const [task] = (await ask("GET", "/v1/tasks")).items
    const reminders = task.reminders.map(({ before, relative_to: base }) => `${before} ${base ?? "due"}`).sort().join()
    return task.start_at && task.floating && reminders === "-PT30M due,PT1H start"
  }, "start, reminders and floating arrive")
})

story("a time of day follows the person, unless they choose a zone, and undo puts it back on their clock", async (page, world) => {
  const ask = await world.device()
  await add(page, "call home tomorrow 10:00")
  const task = async () => (await ask("GET", "/v1/tasks")).items[0]
  const { id, ...made } = await until(task, "the task arrives")
  assert.deepEqual([made.floating, made.timezone], [true, "Europe/Paris"])
  await page.goto(at("/?view=all"))
  await row(page, "call home").getByRole("button").focus()
  await page.keyboard.press("t")
  await until(async () => (await task()).due_on !== null, "it is due all day")
  await page.keyboard.press("z")
  await until(async () => (await task()).due_at === made.due_at && (await task()).floating, "it is at its time again, and floats")
  await ask("PATCH", "/v1/me", { timezone: "America/New_York" })
  const hours = (Date.parse((await until(async () => (await task()).due_at !== made.due_at && task(), "it follows its person")).due_at) - Date.parse(made.due_at)) / 3_600_000
  assert.equal(hours, 6)
  await ask("PATCH", "/v1/me", { timezone: "Europe/Paris" })
  await until(async () => (await task()).due_at === made.due_at, "and back")
  await page.goto(at(`/?view=all&task=${id}`))
  const due = page.getByRole("complementary").getByRole("group", { name: "Due" })
  await due.getByText("on your clock, anywhere").waitFor()
  await due.getByRole("button").first().click()
  const floats = page.getByLabel("The same time of day wherever I am")
  await floats.uncheck()
  await due.getByText("in Europe/Paris").waitFor()
  await until(async () => !(await task()).floating && (await task()).due_at === made.due_at, "it is fixed where it was")
  await page.getByRole("dialog").getByLabel("Time zone").fill("Asia/Tokyo")
  await page.keyboard.press("Tab")
  await due.getByText("10:00 in Asia/Tokyo").waitFor()
  await until(async () => (await task()).timezone === "Asia/Tokyo", "the zone arrives")
  const there = (await task()).due_at
  await floats.check()
  await until(async () => (await task()).floating && (await task()).due_at === there, "it floats again, at the same instant")
})

// --- people --------------------------------------------------------------------------------------

story("an admin finds a person, gives a right, and takes it back", async (page, world) => {
  await world.device()
  const admin = await world.open()
  await logIn(admin, "admin@example.com", PASSWORD)
  await admin.goto(at("/users"))
  await admin.getByLabel("Name or e-mail address").fill(world.email)
  const rights = admin.getByRole("group", { name: /^Rights of/ })
  await until(async () => (await rights.count()) === 1, "one person is found")
  await rights.getByLabel("Reads the audit").check()
  const ask = await world.device()
  await until(async () => (await ask("GET", "/v1/me")).roles.includes("auditor"), "the right holds")
  await admin.getByRole("button", { name: "Undo" }).click()
  await until(async () => !(await ask("GET", "/v1/me")).roles.includes("auditor"), "and is taken back")
  await page.goto(at("/users"))
  await page.getByText("This needs the role of an admin.").waitFor()
})

// --- what a person takes along ---------------------------------------------------------------------

story("everything is taken along as a file and brought back; what cannot be is named", async (page, world) => {
  const ask = await world.device()
  const titles = ["water the plants", "feed the cat", "call Ada"]
  await ask("POST", "/v1/tasks/batch", { operations: titles.map((title) => ({ op: "create", task: { title } })) })
  await page.goto(at("/settings"))
  const calendar = await save(page, "Export tasks as a calendar")
  assert.equal(calendar.name, "taskflow.ics")
  for (const title of titles) assert.match(calendar.text, new RegExp(`^SUMMARY:${title}\\r$`, "m"))
  const { name, text } = await save(page, "Export everything")
  assert.equal(name, "taskflow.json")
  const document = JSON.parse(text)
  assert.equal(document.account.email, world.email)
  assert.deepEqual(document.tasks.map((task) => task.title).sort(), [...titles].sort())

  const lost = document.tasks.find((task) => task.title === "feed the cat")
  await ask("DELETE", `/v1/tasks/${lost.id}`)
  await page.goto(at("/?view=all"))
  await row(page, "call Ada").waitFor()
  assert.equal(await row(page, "feed the cat").count(), 0)
  const other = await world.open(page.context())
  await other.goto(at("/settings"))
  const empty = { ...lost, id: crypto.randomUUID(), title: "" }
  await choose(other, "mine.json", JSON.stringify({ ...document, tasks: [...document.tasks, empty] }))
  await other.getByRole("status").getByText("1 taken, 2 there already, 1 refused").waitFor()
  await other.getByText(/^Left out: .*channels \(1\)/).waitFor()
  await other.getByRole("listitem").filter({ hasText: /^Entry 4 title/ }).waitFor()
  await row(page, "feed the cat").waitFor()

  await choose(other, "mine.json", JSON.stringify({ ...document, tasks: Array.from({ length: 60 }, () => empty) }))
  await other.getByRole("status").getByText("0 taken, 0 there already, 60 refused").waitFor()
  assert.equal(await other.getByRole("listitem").filter({ hasText: /^Entry/ }).count(), 50)
  await other.getByText("and 10 more").waitFor()

  await choose(other, "mine.json", text.slice(0, -9))
  await other.getByText(/The body is no JSON/).first().waitFor()
  assert.equal(await other.getByRole("status").getByText(/taken/).count(), 0)
})

story("a calendar of another program is brought, however long it takes; one that is none, or too large, says so", async (page, world) => {
  const ask = await world.device()
  // The server does not wait for what it writes, as if that were very much.
  await page.route("**/v1/me/import", (route) => route.continue({ headers: { ...route.request().headers(), prefer: "respond-async" } }))
  const answers = []
  page.on("response", (answer) => answer.url().endsWith("/v1/me/import") && answers.push(answer.status()))
  await page.goto(at("/settings"))
  const events = ["DTSTART;VALUE=DATE:20300301\r\nLOCATION:Oslo", "DTSTART;VALUE=DATE:20300302", "DTSTART;VALUE=DATE:20300303\r\nRRULE:FREQ=SECONDLY"]
  const entries = events.map((lines, n) => `BEGIN:VEVENT\r\nUID:${n}@elsewhere\r\nSUMMARY:event ${n}\r\n${lines}\r\nEND:VEVENT\r\n`)
  const whole = `BEGIN:VCALENDAR\r\n${entries.join("")}END:VCALENDAR\r\n`
  await choose(page, "holidays.ics", whole)
  await page.getByRole("status").getByText("2 taken, 0 there already, 1 refused").waitFor()
  assert.deepEqual(answers, [202, 200])
  await page.getByRole("listitem").filter({ hasText: /^Entry 1 taken, but not its LOCATION/ }).waitFor()
  await page.getByRole("listitem").filter({ hasText: /^Entry 3 / }).waitFor()
  assert.deepEqual((await ask("GET", "/v1/tasks?sort=due_at")).items.map(({ title, due_on }) => [title, due_on]), [["event 0", "2030-03-01"], ["event 1", "2030-03-02"]])
  const opened = page.waitForEvent("popup")
  await page.getByRole("link", { name: "Entry 1" }).click()
  await (await opened).getByRole("complementary", { name: "event 0" }).waitFor()

  let sent = () => {}
  const leaving = new Promise((go) => (sent = go))
  await page.route("**/v1/me/import", async (route) => (await leaving, route.fallback()))
  await choose(page, "holidays.ics", whole)
  await page.getByRole("status").getByText("Importing").waitFor()
  await page.getByRole("link", { name: "Today" }).click()
  await page.getByRole("heading", { name: "Today", level: 1 }).waitFor()
  sent()
  await page.getByText("0 taken, 2 there already, 1 refused").first().waitFor()

  await page.goto(at("/settings"))
  await choose(page, "holidays.ics", "no calendar at all")
  await page.getByText(/^The body is no calendar: /).first().waitFor()
  await choose(page, "holidays.ics", "x".repeat(1_100_000))
  await page.getByText("The body exceeds 1024 KiB.").first().waitFor()
})

/** The file that a link of the settings gives. */
async function save(page, link) {
  const saving = page.waitForEvent("download")
  await page.getByRole("link", { name: link }).click()
  const download = await saving
  return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") }
}

async function choose(page, name, text) {
  await page.getByLabel("Import a file").setInputFiles({ name, mimeType: "", buffer: Buffer.from(text) })
  await page.getByRole("button", { name: "Import", exact: true }).click()
}

// --- by thumb ------------------------------------------------------------------------------------

story("on a phone: search, an expression's error, tags and reminders fit", async (page, world) => {
  const ask = await world.device()
  await ask("POST", "/v1/tasks", { title: "buy bread", tags: ["x".repeat(64)] })
  await page.locator("#search").fill("bread")
  await row(page, "buy bread").waitFor()
  await page.goto(at(`/?view=all&filter=${encodeURIComponent(`priority:${"x".repeat(80)}`)}`))
  await page.getByRole("alert").waitFor()
  const width = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  for (const path of [page.url(), at("/tags"), at("/reminders"), at("/settings")]) {
    await page.goto(path)
    await page.getByRole("heading", { level: 1 }).waitFor()
    assert.equal(await width(), 0, path)
  }
  await live(page)
}, PHONE)
