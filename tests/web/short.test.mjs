/** The page's first minute in a real browser: part of `make test` where Chromium is present. */
import assert from "node:assert/strict"
import { add, fits, row, settled, story, until } from "./browser.mjs"

story("a person writes a line, sees what it means, ticks it and takes it back", async (page, world) => {
  const ask = await world.device()
  await page.locator("#quick-add").fill("pay rent every month on the 31st 9am #home !high remind 1h before")
  assert.match(await page.locator("#quick-add-hint").innerText(), /every month on day 31[\s\S]*1 hour before[\s\S]*High[\s\S]*home/)
  await page.locator("#quick-add").press("Enter")
  await page.goto(new URL("/?view=all", page.url()).href)
  await row(page, "pay rent").waitFor()
  await settled(page)
  const [task] = (await ask("GET", "/v1/tasks")).items
  assert.equal(task.title, "pay rent")
  assert.equal(task.recurrence.rule, "FREQ=MONTHLY;BYMONTHDAY=31")
  assert.deepEqual([task.priority, task.tags, task.reminders[0].before], ["high", ["home"], "PT1H"])
  await page.getByRole("checkbox", { name: "Complete: pay rent" }).first().click()
  await page.getByRole("button", { name: "Undo" }).click()
  await settled(page)
  await until(async () => (await ask("GET", `/v1/tasks/${task.id}`)).status === "open", "the task is open again")
  await fits(page)
})

story("what is pasted stays text, and no token is in reach of a script", async (page) => {
  await add(page, '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>')
  await row(page, "<script>window.hurt=1</script>").waitFor()
  await settled(page)
  assert.equal(await page.evaluate(() => window.hurt), undefined)
  const reachable = await page.evaluate(() => document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage))
  assert.doesNotMatch(reachable, /eyJ|tf_/)
  const policy = (await page.request.get(page.url())).headers()["content-security-policy"]
  assert.match(policy, /script-src 'self'(;|$)/)
  assert.doesNotMatch(policy, /unsafe/)
})
