/** The tasks of one list: asked of the server in pages, kept in order as changes come. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query"
import { useMemo } from "react"
import { type Refusal, get } from "@/api/client"
import type { Page, Task } from "@/api/shapes"
import { arrange } from "./arrange"
import { useClock, useDesk } from "./desk"
import { keepOrRecall } from "./kept"
import { type Spec, askFor, compareBy, matches, sortOf, writeSpec } from "./spec"

type Piece = { ids: string[]; cursor: string | null; clock: number }
export type List = {
  tasks: Task[]
  /** Whether the first answer has come. */
  ready: boolean
  more: boolean
  loading: boolean
  loadMore: () => void
  refusal: Refusal | null
}

export function useList(spec: Spec): List {
  const { known, outbox, at } = useDesk()
  const clock = useClock()
  const question = askFor(spec, at).toString()
  const query = useInfiniteQuery({
    queryKey: ["tasks", question],
    queryFn: async ({ pageParam, signal }): Promise<Piece> => {
      // What changes while the answer is on its way counts as changed since.
      const asked = known.clock
      const cursor = pageParam ? `&cursor=${encodeURIComponent(pageParam)}` : ""
      const fetched = () => get<Page<Task>>(`/v1/tasks?${question}${cursor}`, signal)
      const page = await (pageParam ? fetched() : keepOrRecall(writeSpec(spec).toString(), fetched))
      known.learn(page.items)
      return { ids: page.items.map((task) => task.id), cursor: page.next_cursor, clock: asked }
    },
    initialPageParam: "",
    getNextPageParam: (last) => last.cursor,
    placeholderData: keepPreviousData,
    structuralSharing: false,
  })
  const pieces = query.data?.pages
  const tasks = useMemo(() => {
    void clock
    return place(pieces ?? [], spec, { known, outbox, at })
  }, [pieces, clock, spec, at, known, outbox])
  return {
    tasks,
    ready: query.isSuccess && !query.isPlaceholderData,
    more: query.hasNextPage,
    loading: query.isFetching,
    loadMore: () => void (query.hasNextPage && !query.isFetchingNextPage && query.fetchNextPage()),
    refusal: query.error as Refusal | null,
  }
}

/** What the server gave, with what changed since in its place. */
function place(pieces: readonly Piece[], spec: Spec, { known, outbox, at }: Pick<Desk, "known" | "outbox" | "at">): Task[] {
  const asked = { ids: pieces.flatMap((piece) => piece.ids), more: Boolean(pieces.at(-1)?.cursor) }
  const since = pieces.length > 0 ? Math.min(...pieces.map((piece) => piece.clock)) : 0
  // What an expression means only the server knows: what it once gave stays until it is asked again.
  const given = spec.filter ? new Set(asked.ids) : null
  const fits = (task: Task) => matches(task, spec, at) && (given === null || given.has(task.id))
  const changed = touched(known.touchedSince(since), outbox.entries)
  const found = arrange(asked, changed, (id) => outbox.show(id), fits, compareBy(sortOf(spec)))
  // The server was asked for a little more than these show.
  return ["today", "upcoming", "overdue"].includes(spec.view) ? found.filter((task) => matches(task, spec, at)) : found
}

function* touched(since: Iterable<string>, entries: Desk["outbox"]["entries"]): Generator<string> {
  yield* since
  for (const entry of entries) for (const one of entry.operations) yield one.id
}

type Desk = ReturnType<typeof useDesk>
