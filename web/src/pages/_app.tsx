/** What stands around every page: styles, language, notices, session; and the gate before what only a logged-in person sees. */
import "@fontsource-variable/bricolage-grotesque/wght.css"
import "@fontsource-variable/hanken-grotesk/wght.css"
import "@/styles.css"
import { QueryClient, QueryClientProvider } from "@tanstack/react-query"
import type { AppProps } from "next/app"
import Head from "next/head"
import { useEffect, useState } from "react"
import { Refusal } from "@/api/client"
import { LanguageProvider } from "@/data/language"
import { NoticesProvider } from "@/data/notices"
import { SessionProvider } from "@/data/session"
import { Gate } from "@/parts/gate"

function makeClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        gcTime: 600_000,
        // A refusal stays one; a server that wakes up, or a lost network, is worth waiting for.
        retry: (count, error) => !(error instanceof Refusal) && count < 20,
        retryDelay: (count) => Math.min(500 * 2 ** count, 8000),
        refetchOnWindowFocus: false,
      },
    },
  })
}

export default function App({ Component, pageProps }: AppProps) {
  const [client] = useState(makeClient)
  useEffect(() => {
    if ("serviceWorker" in navigator && location.protocol.startsWith("http")) void navigator.serviceWorker.register("/sw.js").catch(() => {})
  }, [])
  return (
    <QueryClientProvider client={client}>
      <Head>
        <title>TaskFlow</title>
        <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content" />
      </Head>
      <LanguageProvider>
        <NoticesProvider>
          <SessionProvider>
            <Gate>
              <Component {...pageProps} />
            </Gate>
          </SessionProvider>
        </NoticesProvider>
      </LanguageProvider>
    </QueryClientProvider>
  )
}
