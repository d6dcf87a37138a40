/** One request to the gateway and what can become of it: an answer, a refusal with its reason, or nobody there. */

export type Answer<T> = { status: number; body: T; location: string | null }
export type Ask = {
  body?: unknown
  /** Sent as it is, as what it says it is. */
  file?: Blob
  key?: string
  version?: number
  wait?: number
  signal?: AbortSignal
  keepalive?: boolean
  headers?: Record<string, string>
}

/** A refusal as problem details; `code` is stable. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly problem: Record<string, unknown> = {},
  ) {
    super(detail)
    this.name = "Refusal"
  }

  /** What is wrong with a field, if the refusal names it. */
  field(name: string): string | undefined {
    const errors = this.problem.errors as { field: string; message: string }[] | undefined
    return errors?.find((one) => one.field === name)?.message
  }
}

/** Nobody answered, or the answer says that it is worth asking again. */
export class Unreachable extends Error {
  constructor(readonly retryAfter = 0) {
    super("The server does not answer.")
    this.name = "Unreachable"
  }
}

type Listener = () => void
const signedOut = new Set<Listener>()

/** Calls `listener` whenever an answer says that nobody is logged in. */
export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener)
  return () => signedOut.delete(listener)
}

const AGAIN = new Set([429, 500, 502, 503, 504])

/** Asks the gateway. Throws Refusal or Unreachable. */
export async function ask<T>(method: string, path: string, given: Ask = {}): Promise<Answer<T>> {
  const response = await send(method, path, given)
  if (AGAIN.has(response.status)) throw new Unreachable(Number(response.headers.get("retry-after")) || 0)
  const body = response.status === 204 ? null : await readBody(response)
  if (response.ok) return { status: response.status, body: body as T, location: response.headers.get("location") }
  if (response.status === 401 && !path.startsWith("/v1/auth/")) signedOut.forEach((told) => told())
  const problem = (body ?? {}) as Record<string, unknown>
  throw new Refusal(response.status, String(problem.code ?? "unknown"), String(problem.detail ?? response.statusText), problem)
}

async function send(method: string, path: string, given: Ask): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      headers: headersOf(given),
      body: given.body === undefined ? given.file : JSON.stringify(given.body),
      signal: given.signal,
      keepalive: given.keepalive,
      credentials: "same-origin",
      cache: "no-store",
    })
  } catch (error) {
    if (given.signal?.aborted) throw error
    throw new Unreachable()
  }
}

function headersOf({ body, key, version, wait, headers }: Ask): Record<string, string> {
  return {
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...(key ? { "Idempotency-Key": key } : {}),
    ...(version === undefined ? {} : { "If-Match": `"${version}"` }),
    ...(wait === undefined ? {} : { Prefer: `wait=${wait}` }),
    ...headers,
  }
}

async function readBody(response: Response): Promise<unknown> {
  try {
    return await response.json()
  } catch {
    throw new Unreachable()
  }
}

/** The body of a GET. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask<T>("GET", path, { signal })).body
}
