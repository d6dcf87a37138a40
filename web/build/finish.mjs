/** Finishes the exported page for a policy without inline script and a server that never compresses: inline scripts become files, text gets its brotli and gzip beside it. */
import { createHash } from "node:crypto"
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs"
import { extname, join } from "node:path"
import { brotliCompressSync, constants, gzipSync } from "node:zlib"

const OUT = new URL("../out/", import.meta.url).pathname
const MOVED = "_next/static/inline/"
const INLINE = /<script>([\s\S]*?)<\/script>/g
const TEXT = new Set([".html", ".js", ".css", ".json", ".svg", ".webmanifest"])
const SMALLEST = 512

const files = () => readdirSync(OUT, { recursive: true }).map(String)

/** The bundler's one line of bootstrap, as a file that runs in the same order. */
function moveInline(name) {
  const html = readFileSync(join(OUT, name), "utf8")
  const moved = html.replace(INLINE, (_, code) => {
    const file = `${MOVED}${createHash("sha256").update(code).digest("hex").slice(0, 16)}.js`
    writeFileSync(join(OUT, file), code)
    return `<script src="/${file}" defer=""></script>`
  })
  const left = [...moved.matchAll(/<script(?![^>]*(?:\bsrc=|type="application\/json"))[^>]*>/g)]
  if (left.length > 0) throw new Error(`${name} holds a script that the policy refuses: ${left[0][0]}`)
  writeFileSync(join(OUT, name), moved)
}

function compress(name) {
  const bytes = readFileSync(join(OUT, name))
  if (bytes.length < SMALLEST) return
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
  writeFileSync(join(OUT, `${name}.br`), brotliCompressSync(bytes, quality))
  writeFileSync(join(OUT, `${name}.gz`), gzipSync(bytes, { level: 9 }))
}

/** The service worker, of files and of reminders, with what it keeps: every page and script, the alphabets of most people. */
function writeWorker() {
  const kept = files().filter((name) => /\.(html|js|css|svg|webmanifest)$/.test(name) || /latin-wght.*\.woff2$/.test(name))
  const paths = kept.map((name) => `/${name}`.replace(/\/index\.html$/, "/").replace(/\.html$/, "")).sort()
  const sum = createHash("sha256")
  for (const name of [...kept].sort()) sum.update(name).update(readFileSync(join(OUT, name)))
  const head = `const VERSION = ${JSON.stringify(sum.digest("hex").slice(0, 16))}\nconst FILES = ${JSON.stringify(paths)}\n`
  const parts = ["worker.js", "push.js"].map((name) => readFileSync(new URL(name, import.meta.url), "utf8"))
  writeFileSync(join(OUT, "sw.js"), head + parts.join(""))
}

mkdirSync(join(OUT, MOVED), { recursive: true })
files().filter((name) => name.endsWith(".html")).forEach(moveInline)
writeWorker()
files().filter((name) => TEXT.has(extname(name))).forEach(compress)
