/** Chromium as a person has it, people to use it, and another device of theirs; what every story of the page begins with. */
import assert from "node:assert/strict"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { test } from "node:test"

const require = createRequire(new URL("../../web/package.json", import.meta.url))
const { chromium } = require("playwright-core")
export const AXE = require.resolve("axe-core/axe.min.js")

export const BASE = process.env.PAGE_URL ?? "http://localhost:8080"
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
// A state is waited for, however long a busy machine takes to it.
const PATIENCE = 40_000
export const PASSWORD = "a good password"
let people = 0

/** A story with a browser of its own and a page that a new person is logged in to; fails on any error in the console. */
export function story(name, tell, options = {}) {
  test(name, { timeout: 300_000 }, async () => {
    const browser = await chromium.launch({ executablePath: PLACES.find(existsSync), args: FLAGS })
    try {
      const world = new World(browser, options)
      const page = await world.open()
      if (options.stranger) await page.goto(BASE)
      else await world.enter(page)
      await tell(page, world)
      assert.deepEqual(world.errors, [])
    } finally {
      await browser.close()
    }
  })
}

class World {
  errors = []
  email = `person-${process.pid}-${Date.now()}-${(people += 1)}@example.com`

  constructor(browser, options) {
    this.browser = browser
    this.options = options
  }

  /** Another window; with `context` another tab of the same browser. */
  async open(context) {
    const { stranger: _, ...options } = this.options
    const home = context ?? (await this.browser.newContext({ viewport: { width: 1280, height: 820 }, locale: "en-GB", timezoneId: "Europe/Paris", ...options }))
    const page = await home.newPage()
    page.setDefaultTimeout(PATIENCE)
    page.on("pageerror", (error) => this.errors.push(String(error)))
    page.on("console", (message) => {
      // The network may say no; the policy, React and scripts may not.
      if (message.type() === "error" && !/Failed to load resource|WebSocket|ERR_/.test(message.text())) this.errors.push(message.text())
    })
    return page
  }

  /** Signs the person up by the interface, and in by the page. */
  async enter(page) {
    await this.device()
    await logIn(page, this.email)
  }

  /** The person's other device: asks the interface with a token of its own. */
  async device() {
    if (!this.token) {
      const body = { email: this.email, password: PASSWORD, name: "Ada", timezone: "Europe/Paris" }
      const { access_token } = await (await send("POST", "/v1/auth/signup", body)).json()
      this.token = access_token
    }
    return async (method, path, body) => {
      const answer = await send(method, path, body, { Authorization: `Bearer ${this.token}` })
      return answer.status === 204 ? null : answer.json()
    }
  }
}

function send(method, path, body, headers = {}) {
  return fetch(BASE + path, { method, headers: { "Content-Type": "application/json", Prefer: "wait=30", ...headers }, body: body && JSON.stringify(body) })
}

export async function logIn(page, email, password = PASSWORD) {
  await page.goto(BASE)
  await page.getByLabel("E-mail address").fill(email)
  await page.getByLabel("Password", { exact: true }).fill(password)
  await page.getByRole("button", { name: "Log in", exact: true }).click()
  await page.locator("#quick-add").waitFor()
  await live(page)
}

export const live = (page) => page.locator('[data-connection="live"]').first().waitFor({ state: "attached" })
export const row = (page, title) => page.locator("[data-task]").filter({ hasText: title })

export async function add(page, line) {
  await page.locator("#quick-add").fill(line)
  await page.locator("#quick-add").press("Enter")
}

/** Everything on this page has been confirmed by the server. */
export const settled = (page) => page.waitForFunction(() => !document.querySelector("[data-pending]"), null, { timeout: 60_000 })

/** Polls until `look` gives something true. */
export async function until(look, what, patience = PATIENCE) {
  const end = Date.now() + patience
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) assert.fail(`never: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Nothing is wider than the window. */
export async function fits(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  assert.equal(over, 0)
}
