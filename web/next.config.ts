/** How the page is built: files only, for the gateway to serve under a policy without inline script. */
import type { NextConfig } from "next"

const config: NextConfig = {
  output: "export",
  poweredByHeader: false,
  reactStrictMode: true,
  // `npm run check` reads the types; a person who only wants the page need not wait for it.
  typescript: { ignoreBuildErrors: true },
  turbopack: {
    root: import.meta.dirname,
    // Radix' dialogs lock the page's scroll by a <style> of their own, which the policy refuses;
    // this page never scrolls as a whole, so there is nothing to lock.
    resolveAlias: { "react-remove-scroll": "./src/parts/unlocked.tsx" },
  },
}

export default config
