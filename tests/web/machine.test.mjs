/** The stories of operators and outages: the machine room, dead letters, and a gateway that dies in the middle. */
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { readFileSync, readdirSync } from "node:fs"
import { BASE, PASSWORD, add, live, logIn, row, settled, story, until } from "./browser.mjs"

const ROOT = new URL("../..", import.meta.url).pathname
const ADMIN = "admin@example.com"

/** The gateway's process: the child of the platform that serves it. */
function gateway() {
  const platform = process.env.PAGE_PLATFORM
  return Number(readdirSync("/proc").filter((name) => /^\d+$/.test(name)).find((pid) => {
    try {
      const parent = /\) \S (\d+) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))[1]
      return parent === platform && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("-m\0gateway\0")
    } catch {
      return false
    }
  }))
}

story("a gateway that dies in the middle loses nothing and is no error to the person", async (page, world) => {
  const ask = await world.device()
  await add(page, "before")
  await settled(page)
  process.kill(gateway(), "SIGKILL")
  await add(page, "during one")
  await add(page, "during two")
  await row(page, "during two").waitFor()
  await live(page)
  await settled(page)
  const titles = (await ask("GET", "/v1/tasks")).items.map((task) => task.title).sort()
  assert.deepEqual(titles, ["before", "during one", "during two"])
  await ask("POST", "/v1/tasks", { title: "seen after it came back", due_on: new Date().toISOString().slice(0, 10) })
  await row(page, "seen after it came back").waitFor()
})

story("an admin sees functions wake and sleep, and no dead letters", async (page, world) => {
  await logIn(page, ADMIN, PASSWORD)
  const ask = await world.device()
  await page.goto(new URL("/machine", BASE).href)
  await page.getByText(/\d of \d functions awake/).waitFor()
  await until(async () => /^0 of/.test(await page.getByText(/\d of \d functions awake/).innerText()), "all sleep", 60_000)
  await ask("POST", "/v1/tasks", { title: "wake up" })
  await page.getByRole("listitem").filter({ hasText: "write-task woke" }).waitFor()
  await page.getByRole("listitem").filter({ hasText: "write-task went to sleep" }).waitFor({ timeout: 60_000 })
  await page.goto(new URL("/letters", BASE).href)
  await page.getByText("No dead letters.").waitFor()
}, { stranger: true })

/** Puts a record on the topic of commands that its function gives up. */
function poison(kind) {
  const env = { ...process.env, TASKFLOW_DATA: process.env.PAGE_DATA, PYTHONPATH: ROOT }
  execFileSync(process.env.PAGE_PYTHON, ["-m", "tests.web.poison", kind], { env, cwd: ROOT })
}

story("dead letters are read, sent again and kept again, and discarded", async (page) => {
  await logIn(page, ADMIN, PASSWORD)
  await page.goto(new URL("/letters", BASE).href)
  await page.getByText("No dead letters.").waitFor()
  const letter = page.getByRole("article")
  // The page asks every ten seconds.
  const kept = () => until(async () => (await letter.count()) === 1, "it is kept", 90_000)
  poison("unreadable")
  await kept()
  await letter.getByRole("button", { name: "The record" }).click()
  await letter.getByText("this is no event").waitFor()
  await letter.getByRole("button", { name: "Redrive" }).click()
  await page.getByText(/it can only be discarded/).first().waitFor()
  await letter.getByRole("button", { name: "Discard" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Discard" }).click()
  await page.getByText("No dead letters.").waitFor()
  poison("failing")
  await kept()
  await letter.getByText("5 attempts").waitFor()
  await letter.getByRole("button", { name: "Redrive" }).click()
  await page.getByText("Back on its topic").first().waitFor()
  await page.getByText("No dead letters.").waitFor()
  await kept()
  await letter.getByRole("button", { name: "Discard" }).click()
  await page.getByRole("dialog").getByRole("button", { name: "Discard" }).click()
  await page.getByText("No dead letters.").waitFor()
}, { stranger: true })
