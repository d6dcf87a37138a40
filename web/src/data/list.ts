/** The tasks of one list: asked of the server in pages, kept in order as changes come. */
import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query"
import { useCallback, useMemo } from "react"
import { type Refusal, get } from "@/api/client"
import type { FoundTask, Highlight, Page, Task } from "@/api/shapes"
import { Given, arrange, firstOf } from "./arrange"
import { type Desk, useClock, useDesk } from "./desk"
import { keepOrRecall } from "./kept"
import { type Spec, askFor, compareBy, matcher, orderOf, sortOf, stillMatches, writeSpec } from "./spec"

/** Where the words were found, and in which version of the task. */
export type Marks = ReadonlyMap<string, Highlight & { version: number }>
type Piece = { ids: string[]; cursor: string | null; clock: number; marks: Marks }
export type List = {
  tasks: readonly Task[]
  /** Whether these are the server's answer, and no longer what the page knows itself or had before. */
  ready: boolean
  more: boolean
  marks: Marks
  loading: boolean
  loadMore: () => void
  refusal: Refusal | null
}

export function useList(spec: Spec): List {
  const desk = useDesk()
  const clock = useClock()
  const query = useInfiniteQuery({ ...questionOf(spec, desk), placeholderData: keepPreviousData })
  const pieces = query.data?.pages
  const waiting = query.isPlaceholderData
  const { known, outbox, at } = desk
  const given = useMemo(() => givenBy(pieces ?? [], known), [pieces, known])
  const tasks = useMemo(() => {
    void clock
    const guessed = waiting ? guess(pieces ?? [], spec, { known, outbox, at }) : []
    return guessed.length > 0 ? guessed : place(given, pieces ?? [], spec, { known, outbox, at })
  }, [given, pieces, waiting, clock, spec, known, outbox, at])
  const marks = useMemo(() => new Map(waiting ? [] : pieces?.flatMap((piece) => [...piece.marks])), [pieces, waiting])
  return {
    tasks,
    marks,
    ready: query.isSuccess && !waiting,
    more: query.hasNextPage,
    loading: query.isFetching,
    loadMore: () => void (query.hasNextPage && !query.isFetchingNextPage && query.fetchNextPage()),
    refusal: query.error as Refusal | null,
  }
}

/** Asks for a list before it is drawn, so that the answer is on its way while it is. */
export function useAskAhead(): (spec: Spec) => void {
  const client = useQueryClient()
  const desk = useDesk()
  return useCallback((spec) => void client.prefetchInfiniteQuery(questionOf(spec, desk)), [client, desk])
}

function questionOf(spec: Spec, { known, at }: Desk) {
  const question = askFor(spec, at).toString()
  return {
    queryKey: ["tasks", question],
    queryFn: async ({ pageParam, signal }: { pageParam: string; signal: AbortSignal }): Promise<Piece> => {
      // What changes while the answer is on its way counts as changed since.
      const asked = known.clock
      const page = await fetchPage(spec, question, pageParam, signal)
      known.learn(page.items)
      return { ids: page.items.map((task) => task.id), cursor: page.next_cursor, clock: asked, marks: marksOf(page.items) }
    },
    initialPageParam: "",
    getNextPageParam: (last: Piece) => last.cursor,
    structuralSharing: false,
  }
}

function marksOf(items: readonly FoundTask[]): Marks {
  return new Map(items.flatMap(({ id, highlight, version }) => (highlight ? [[id, { ...highlight, version }] as const] : [])))
}

function fetchPage(spec: Spec, question: string, cursor: string, signal: AbortSignal): Promise<Page<FoundTask>> {
  const fetched = () => get<Page<FoundTask>>(`/v1/tasks?${question}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, signal)
  // Lists are kept for a start without a network; what is typed passes.
  return cursor || spec.q.trim() ? fetched() : keepOrRecall(writeSpec(spec).toString(), fetched)
}

const MOST_GUESSED = 100
type Ground = Pick<Desk, "known" | "outbox" | "at">

function givenBy(pieces: readonly Piece[], known: Desk["known"]): Given {
  const tasks = pieces.flatMap((piece) => piece.ids.flatMap((id) => known.find(id) ?? []))
  return new Given(tasks, Boolean(pieces.at(-1)?.cursor))
}

/** Until the server answers: what fits of the list before, in its order, and then of all that this tab knows. */
function guess(pieces: readonly Piece[], spec: Spec, { known, outbox, at }: Ground): Task[] {
  if (spec.filter.trim()) return []
  const fits = matcher(spec, at)
  const before: Task[] = []
  if (spec.q.trim()) {
    for (const id of pieces.flatMap((piece) => piece.ids)) {
      const task = outbox.show(id)
      if (task && fits(task) && before.push(task) === MOST_GUESSED) return before
    }
  }
  const first = new Set(before.map((task) => task.id))
  const others = known.all().filter((task) => !first.has(task.id) && fits(task))
  return [...before, ...firstOf(others, MOST_GUESSED - before.length, orderOf(sortOf(spec)) ?? compareBy("-created_at"))]
}

/** What the server gave, with what changed since in its place. */
function place(given: Given, pieces: readonly Piece[], spec: Spec, { known, outbox, at }: Ground): readonly Task[] {
  const since = pieces.length > 0 ? Math.min(...pieces.map((piece) => piece.clock)) : 0
  const isAsked = Boolean(spec.filter || spec.q)
  const couldFit = matcher(spec, at)
  // What was not given cannot be known to fit an expression until it is asked again.
  const fits = (task: Task) => (isAsked && given.placeOf(task.id) !== undefined ? stillMatches(task, spec, at) : !spec.filter && couldFit(task))
  const found = arrange(given, touched(known.touchedSince(since), outbox.entries), {
    show: (id) => outbox.show(id), matches: fits, compare: orderOf(sortOf(spec)),
  })
  // The server was asked for a little more than these show.
  return ["today", "upcoming", "overdue"].includes(spec.view) ? found.filter((task) => stillMatches(task, spec, at)) : found
}

function* touched(since: Iterable<string>, entries: Desk["outbox"]["entries"]): Generator<string> {
  yield* since
  for (const entry of entries) for (const one of entry.operations) yield one.id
}
