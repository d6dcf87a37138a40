/** Notifications of this browser: whether it can, whether it does, and the channel that carries them. */
import { ask, get } from "@/api/client"
import type { Channel } from "@/api/shapes"
import { uuid7 } from "./uuid"

export type PushState = "unsupported" | "denied" | "off" | "on"
/** Why this browser gave no subscription, in a word that has a sentence in every language. */
export class NoPush extends Error {
  constructor(readonly why: "denied" | "dismissed" | "service") {
    super(why)
  }
}

function isOffered(): boolean {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window && window.isSecureContext
}

async function subscription(): Promise<PushSubscription | null> {
  const worker = await navigator.serviceWorker.getRegistration()
  return (await worker?.pushManager.getSubscription()) ?? null
}

/** How this browser stands, and the address by which its channel is known. */
export async function readPush(): Promise<{ state: PushState; address: string | null }> {
  if (!isOffered()) return { state: "unsupported", address: null }
  if (Notification.permission === "denied") return { state: "denied", address: null }
  const address = (await subscription())?.endpoint ?? null
  return { state: address ? "on" : "off", address }
}

/** Asks the person, then the browser's push service, and makes the channel. Throws NoPush and Refusal. */
export async function turnOnPush(): Promise<Channel> {
  const said = await Notification.requestPermission()
  if (said !== "granted") throw new NoPush(said === "denied" ? "denied" : "dismissed")
  const { key } = await get<{ key: string }>("/v1/channels/web-push-key")
  const worker = await navigator.serviceWorker.ready
  // One that was made with an older key of the server's cannot be used any more.
  await (await worker.pushManager.getSubscription())?.unsubscribe()
  const made = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }).catch(() => {
    throw new NoPush("service")
  })
  return (await ask<Channel>("POST", "/v1/channels", { key: uuid7(), body: { kind: "web_push", address: JSON.stringify(made) } })).body
}

/** The browser forgets its subscription; the channel is removed by who asks. */
export async function turnOffPush(): Promise<void> {
  await (await subscription())?.unsubscribe()
}

/** The language in which the service worker speaks, which sees no page. */
export async function tellWorker(language: string): Promise<void> {
  if (!("caches" in window)) return
  await (await caches.open("taskflow-language")).put("/language", new Response(language))
}
