/** Every reminder: those that come, and what became of those that came. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query"
import Link from "next/link"
import { get } from "@/api/client"
import type { Delivery, Page, Task, UpcomingReminder } from "@/api/shapes"
import { useSaying, useTask } from "@/data/desk"
import { Log } from "@/parts/delivery-log"
import { Room } from "@/parts/room"
import { sayInstant } from "@/text/say"

const taskPath = (id: string) => `/?view=all&task=${id}`

export function Reminders() {
  const { t } = useSaying()
  return (
    <Room title={t.nav.reminders} explain={t.reminders.explain} action={<Link href="/settings" className="plain">{t.reminders.choices}</Link>}>
      <div className="grid gap-10">
        <section><h2 className="display border-b border-line pb-2 text-lg">{t.reminders.coming}</h2><Coming /></section>
        <section><h2 className="display border-b border-line pb-2 text-lg">{t.reminders.came}</h2><div className="pt-4"><Log path="/v1/deliveries" titles={(one) => <TaskTitle delivery={one} />} past /></div></section>
      </div>
    </Room>
  )
}

function Coming() {
  const saying = useSaying()
  const { t } = saying
  const { data, hasNextPage, fetchNextPage } = useInfiniteQuery({
    queryKey: ["aside", "coming"], staleTime: 0, initialPageParam: "", getNextPageParam: (last: Page<UpcomingReminder>) => last.next_cursor,
    queryFn: ({ pageParam, signal }) => get<Page<UpcomingReminder>>(`/v1/reminders?limit=20${pageParam && `&cursor=${encodeURIComponent(pageParam)}`}`, signal),
  })
  const items = data?.pages.flatMap((page) => page.items) ?? []
  if (data && items.length === 0) return <p className="pt-4 text-sm text-faint">{t.reminders.noneComing}</p>
  return (
    <>
      <ol>{items.map((one) => <li key={one.reminder_id + one.remind_at} className="grid gap-x-4 border-b border-line py-2.5 text-sm md:grid-cols-[12rem_1fr]"><span className="figures text-faint">{sayInstant(one.remind_at, saying)}</span><Link href={taskPath(one.task_id)} dir="auto" className="line-clamp-2 text-base hover:underline">{one.title}</Link></li>)}</ol>
      {hasNextPage && <button className="quiet mt-2 -ml-3" onClick={() => void fetchNextPage()}>{t.audit.more}</button>}
    </>
  )
}

/** The title; asked for where this tab does not know the task. */
function TaskTitle({ delivery: { task_id: id } }: { delivery: Delivery }) {
  const { t } = useSaying()
  const { task } = useTask(id)
  const { data } = useQuery({ queryKey: ["title", id], enabled: id !== null && !task, retry: false, queryFn: ({ signal }) => get<Task>(`/v1/tasks/${id}`, signal) })
  if (!id) return <p className="font-semibold">{t.reminders.test}</p>
  return <Link href={taskPath(id)} dir="auto" className="line-clamp-2 w-fit text-base hover:underline">{(task ?? data)?.title ?? t.reminders.toTask}</Link>
}
