/** Every string of the page in English; another language is another file of the same shape. */
const many = (n: number, one: string, more: string) => `${n.toLocaleString("en")} ${n === 1 ? one : more}`

const nth = (n: number) => `${n}${n === 31 ? "st" : "th"}`

export const en = {
  locale: "en",
  name: "TaskFlow",
  views: { today: "Today", upcoming: "Upcoming", overdue: "Overdue", done: "Done", all: "Everything" },
  nav: {
    main: "Lists", tags: "Tags", saved: "Saved views", week: "Week", month: "Month", board: "Board", more: "More",
    settings: "Settings", reminders: "Reminders", users: "People", audit: "Audit", machine: "Machine room", letters: "Dead letters",
    manageTags: "Manage tags", logOut: "Log out", skip: "Skip to the list", operators: "Operators", help: "Keys",
  },
  empty: {
    today: ["Nothing left for today.", "Enjoy the quiet, or look at what is coming."],
    upcoming: ["Nothing ahead.", "Tasks with a date appear here, day by day."],
    overdue: ["Nothing is late.", "Well kept."],
    done: ["Nothing done yet.", "What you complete is kept here."],
    all: ["No tasks yet.", "Write one above: “call Ada tomorrow 9am #work”."],
    search: ["Nothing matches.", "Fewer words or fewer filters may help."],
  },
  add: {
    label: "Add a task", placeholder: "What needs doing?", hint: "tomorrow 9am · every friday · #tag · !high · remind 1h before",
    add: "Add", noTitle: "Give it a title, too.",
  },
  task: {
    complete: (title: string) => `Complete: ${title}`, reopen: (title: string) => `Reopen: ${title}`, open: (title: string) => `Open: ${title}`,
    select: (title: string) => `Select: ${title}`, pending: "Not confirmed yet", repeats: "Repeats", reminds: "Has reminders", notes: "Has notes",
    title: "Title", close: "Close", menu: "More actions", delete: "Delete", deleteFuture: "Delete this and following",
    snooze: "Remind me again in an hour", skip: "Skip this one", cancel: "Cancel task", gone: "This task is gone.", created: "Created", updated: "Changed", saving: "Saving",
  },
  fields: { title: "Title", start_at: "Start", start_on: "Start", floating: "Follows the zone", due_at: "Due", due_on: "Due", timezone: "Time zone", priority: "Priority", tags: "Tags", notes: "Notes", recurrence: "Repeat", reminders: "Reminders" },
  status: { open: "Open", done: "Done", cancelled: "Cancelled" },
  priority: { high: "High", medium: "Medium", low: "Low", none: "None" },
  due: {
    none: "No date", today: "Today", tomorrow: "Tomorrow", yesterday: "Yesterday", overdue: "Overdue", now: "Now",
    pick: "Pick a date", time: "Time", clear: "Clear", nextWeek: "Next week", weekend: "Weekend", noStart: "Any time", floating: "The same time of day wherever I am", floats: "on your clock, anywhere", zone: (zone: string) => `in ${zone}`,
  },
  repeat: {
    never: "Does not repeat", every: "Every", on: "On", ends: "Ends", forever: "Never", until: "On", after: "After",
    times: (n: number) => many(n, "time", "times"), from: "Counted from", fromDue: "its due date", fromDone: "when I finish it",
    short: "In short months", backward: "the last day", forward: "the first of the next", omit: "leave it out",
    missed: "If missed", keep_latest: "keep the latest", keep_all: "keep them all", skip_to_next: "go on to the next",
    units: {
      hourly: ["hour", "hours"], daily: ["day", "days"], weekly: ["week", "weeks"], monthly: ["month", "months"], yearly: ["year", "years"],
    } as Record<string, [string, string]>,
    preview: "Next dates", endsThere: "It ends there.", goesOn: "and so on", rule: "Rule", fromCompletion: "after it is done",
    onDay: (day: number) => (day === -1 ? "on the last day" : `on day ${day}`), nth: ["first", "second", "third", "fourth", "fifth"], last: "last",
    untilDate: (date: string) => `until ${date}`, each: (n: number, unit: [string, string]) => (n === 1 ? `every ${unit[0]}` : `every ${n} ${unit[1]}`),
    onDays: (days: string) => `on ${days}`, nthDay: (nth: string, day: string) => `on the ${nth} ${day}`, workdays: "every weekday",
    movedBack: (month: string, lacks: number, day: number) => `${month} has no ${nth(lacks)}: moved back to the ${nth(day)}`, movedForward: (month: string, lacks: number, day: number, next: string) => `${month} has no ${nth(lacks)}: moved forward to ${day} ${next}`,
    noSuchTime: (lacks: string, time: string) => `${lacks} does not exist on that day: ${time}`, twice: (time: string) => `${time} happens twice on that day: the first one`,
    needsDate: "A repeating task needs a date.", custom: "Custom",
    scope: "Change", this: "only this one", following: "this and following", all: "all of them",
  },
  remind: {
    add: "Add a reminder", atDue: "when it is due", before: (words: string) => `${words} before`, afterIt: (words: string) => `${words} after`, atStart: "when it starts", ofStart: (words: string) => `${words} the start`, remove: "Remove this reminder",
    at: (words: string) => `at ${words}`, needsDate: "Reminders count from the due date: set one.",
    minutes: (n: number) => many(n, "minute", "minutes"), hours: (n: number) => many(n, "hour", "hours"), days: (n: number) => many(n, "day", "days"),
  },
  tags: {
    add: "Add a tag", remove: (tag: string) => `Remove ${tag}`, explain: "A tag is renamed on every task that carries it. Give it the name of another one, and the two become one.",
    none: ["No tags yet.", "Write #home into a task, and it stands here."], rename: (tag: string) => `Name of ${tag}`, tasks: (n: number) => many(n, "task", "tasks"),
    renamed: (from: string, to: string) => `“${from}” is “${to}” now`, merged: (from: string, to: string) => `“${from}” went into “${to}”`, removed: (tag: string) => `“${tag}” is removed`,
    mergeTitle: (from: string, to: string) => `Put “${from}” into “${to}”?`, mergeExplain: (n: number) => `${many(n, "task changes", "tasks change")}. The two cannot be told apart again.`, merge: "Merge", keep: "Leave it",
    removeTitle: (tag: string) => `Remove “${tag}” everywhere?`, removeExplain: (n: number) => `${many(n, "task loses", "tasks lose")} this tag. The tasks stay.`, removeIt: "Remove the tag",
  },
  history: {
    title: "History", by: (who: string) => `by ${who}`, you: "you", system: "TaskFlow", none: "No changes are on record yet.",
    actions: { created: "Created", updated: "Changed", completed: "Completed", reopened: "Reopened", cancelled: "Cancelled", deleted: "Deleted", skipped: "Skipped", missed: "Missed" } as Record<string, string>,
    empty: "empty",
  },
  deliveries: {
    title: "Did my reminders come?", none: "This task has no reminder, and never had one whose time came.", log: "What went there", empty: "Nothing went there yet.", attemptsShown: "Attempts", noAttempt: "Nothing was tried yet.", again: "Send it again", sentAgain: "Sent again",
    states: { planned: "Planned", due: "Due", retry: "Will be tried again", sent: "Sent", failed: "Failed", suppressed: "Not sent" },
    kinds: { email: "E-mail", webhook: "Webhook", web_push: "Browser notification", apprise: "Apprise" } as Record<string, string>,
  },
  reminders: {
    explain: "What comes, what came, and why something did not.", choices: "Choose how", coming: "To come", came: "What became of them", noneComing: "No reminder is planned.", test: "Test of a channel", toTask: "To the task",
  },
  choices: {
    title: "Reminders", explain: "What holds for all of them, unless a task says otherwise.", order: "They go by", usual: "Nothing chosen: they go to your mail address.", inTurn: "The first one goes first; see below when the next one follows.",
    earlier: (kind: string) => `${kind} earlier`, escalate: "The next one follows", escalateExplain: "“Got it” or a completed task keeps the others silent.", atOnce: "at once, all together", after: (words: string) => `${words} later, without an answer`,
    quiet: "Quiet hours", quietExplain: "What comes in these hours waits until they are over.", from: "From", until: "until", digest: "One mail with the day", digestExplain: "Each morning, what is due and what is late.",
    late: "What an outage made late", lateExplain: "A late reminder says that it is late.", send: "is sent all the same", drop: "is left out", lateAfter: "Late is", moreThan: (words: string) => `when more than ${words}`,
  },
  push: {
    title: "Notifications in this browser", on: "Reminders appear here, with “Done” and “In an hour”, even when no page is open.", off: "Reminders can appear here, even when no page is open.", turnOn: "Turn on", turnOff: "Turn off",
    unsupported: "This browser, or this address without https, offers no notifications.", denied: "This browser was told to show none: allow notifications for this address in its settings.", dismissed: "The browser asked and got no answer: try again and allow it.",
    service: "The browser's push service cannot be reached. With a network, try again.", refused: "Notifications are not on",
  },
  series: {
    title: "Series", planned: "planned", ends: { done: "done", cancelled: "cancelled", skipped: "skipped", deleted: "deleted", missed: "missed", moved: "moved" } as Record<string, string>, open: "open",
    more: "Show more",
  },
  search: {
    label: "Search", placeholder: "Search", clear: "Clear search", filters: "Filter", sort: "Sort", status: "Status", priority: "Priority",
    save: "Save this view", saveName: "Name of the view", saved: (name: string) => `Saved as “${name}”`, expression: "Filter expression",
    example: 'priority:high and due < today+7d and not tag:"deep work"', at: (n: number) => `at character ${n}`, reset: "Clear filters", loading: "Loading more",
    noExpression: "Remove the expression", offers: "What may come next", kinds: { field: "field", operator: "comparison", value: "value", tag: "tag", keyword: "word" } as Record<string, string>,
    shown: (n: number, more: boolean) => `${many(n, "task", "tasks")}${more ? " and more" : ""}`,
    sorts: { "": "As usual", due_at: "Due date", "-priority": "Priority", title: "Title", "-created_at": "Newest", "-updated_at": "Last changed", relevance: "Relevance" } as Record<string, string>,
  },
  saved: {
    menu: (name: string) => `More about “${name}”`, rename: "Rename", up: "Move up", update: "Keep what is on screen", remove: "Remove", removed: (name: string) => `“${name}” is removed`, save: "Save",
  },
  bulk: {
    selected: (n: number) => `${n.toLocaleString("en")} selected`, complete: "Complete", delete: "Delete", date: "Date", priority: "Priority", tag: "Tag", clear: "Clear selection",
  },
  done: {
    completed: "Completed", deleted: "Deleted", skipped: "Skipped", cancelled: "Cancelled", reopened: "Reopened", changed: "Changed",
    completedN: (n: number) => `${many(n, "task", "tasks")} completed`, deletedN: (n: number) => `${many(n, "task", "tasks")} deleted`, changedN: (n: number) => `${many(n, "task", "tasks")} changed`,
    snoozed: "You are reminded again in an hour", undo: "Undo", dismiss: "Dismiss", refused: "Not saved", someRefused: (n: number) => `${many(n, "task was", "tasks were")} refused`,
  },
  unsaved: {
    title: "Needs you", explain: "Nothing you typed is lost. Decide here what becomes of it.", again: "Try again", discard: "Discard", conflict: "Changed in two places", mine: "Yours", theirs: "Theirs",
    keepMine: "Keep mine", keepTheirs: "Keep theirs", button: (n: number) => `${many(n, "change needs", "changes need")} you`, empty: "nothing",
  },
  connection: {
    live: "Live", connecting: "Connecting", lost: "Offline", waiting: (n: number) => `${many(n, "change", "changes")} waiting`, explain: "Changes of other devices appear here as they happen.",
    offline: "You can go on: everything is kept and sent when the connection is back.",
  },
  sign: {
    logIn: "Log in", signUp: "Create account", email: "E-mail address", password: "Password", newPassword: "New password", name: "Your name", show: "Show password", toSignUp: "New here? Create an account", toLogIn: "Have an account? Log in",
    forgot: "Forgot your password?", send: "Send me a link", sent: "If this address has an account, a letter is on its way.", reset: "Choose a new password", resetDone: "The password is changed. Log in with it.", back: "Back",
    confirmed: "The address is confirmed.", minimum: "At least 8 characters.", claim: "Nothing runs while nobody needs it. Nothing is lost when anything dies.", ended: "Your session has ended. What you typed is kept; log in to send it.", busy: "The server does not answer yet; trying again helps.", link: "This link",
  },
  settings: {
    title: "Settings", profile: "Profile", name: "Name", zone: "Time zone", language: "Language", theme: "Appearance", light: "Light", dark: "Dark", system: "As the system",
    password: "Password", current: "Current password", change: "Change password", changed: "Password changed; other devices are logged out.", saved: "Saved",
    sessions: "Sessions", everywhere: "Log out everywhere", everywhereExplain: "Ends every session on every device, this one too.",
    channels: "Channels", channelsExplain: "Where reminders go. Each address proves first that it is yours.", kind: "Kind", address: "Address", addChannel: "Add channel", confirmed: "Confirmed", unconfirmed: "Waits for confirmation", test: "Send a test", testing: "Sending", remove: "Remove", disabled: "Switched off", enable: "Switch on again", rotate: "New signing secret", oldSecret: (until: string) => `the old secret signs too until ${until}`,
    secret: "The signing secret of this webhook, shown this once:", tested: (state: string) => `The test: ${state}`,
    tokens: "API tokens", tokensExplain: "Keys for scripts. A token is shown once, when it is made.", tokenName: "What is it for?", read: "Read", write: "Write", expires: "Expires", never: "never", addToken: "Make a token", revoke: "Revoke", once: "Copy it now; it is not shown again.", copy: "Copy", copied: "Copied", days: (n: number) => `in ${n} days`,
    leave: "Delete account", leaveExplain: "Logs you out, ends every token and reminder. This cannot be undone.", leaveSure: "Type your e-mail address to delete the account",
  },
  data: {
    title: "Your data", explain: "Take everything along, and bring it back, here or into another account.", all: "Export everything", calendar: "Export tasks as a calendar",
    file: "Import a file", fileExplain: "An export (.json) or a calendar (.ics). What is there already stays as it is, so nothing comes twice.", send: "Import", sending: "Importing",
    told: (taken: number, there: number, refused: number) => `${taken.toLocaleString("en")} taken, ${there.toLocaleString("en")} there already, ${refused.toLocaleString("en")} refused`, leftOut: (what: string) => `Left out: ${what}`,
    kinds: { deleted_tasks: "deleted tasks", views: "saved views", channels: "channels", deliveries: "deliveries", reminder_answers: "answers to reminders", api_tokens: "API tokens", sessions: "sessions", audit: "entries of the audit" } as Record<string, string>,
    troubles: "Refused, or not taken whole", entry: (n: number) => `Entry ${n.toLocaleString("en")}`, butNot: (what: string) => `taken, but not its ${what}`, more: (n: number) => `and ${n.toLocaleString("en")} more`,
  },
  audit: {
    title: "Audit", explain: "Every change, log-in and permission, in a chain that cannot be edited unseen.", verify: "Verify the chain", verifying: "Verifying", ok: (n: number) => `The chain is whole: ${many(n, "entry", "entries")} true.`,
    unproved: "Nothing is known to be wrong, but not all is proved:",
    bad: (n: number | null) => `The chain is broken${n === null ? "" : ` at entry ${n}`}.`, from: "From", to: "To", action: "Action", anyAction: "Any action", report: "Report", more: "Load more", none: "No entries in this period.", hash: "Hash", before: "Before", after: "After", task: "Task", actor: "Actor", cause: "Cause", previous: "Previous hash",
  },
  letters: {
    title: "Dead letters", explain: "Records that a function gave up on. Nothing is lost: mend the cause, then send them again.", none: ["No dead letters.", "Every record found its way."], redrive: "Redrive", force: "Redrive anyway", discard: "Discard", redriven: "Back on its topic", discarded: "Discarded", attempts: (n: number) => many(n, "attempt", "attempts"), record: "The record", trace: "Trace", confirm: "Discard this record for good?", keep: "Keep it",
  },
  users: {
    title: "People", explain: "Who uses this TaskFlow, and what each may do. A change of rights holds within half a minute and stands in the audit, as does each look at this list.", search: "Name or e-mail address", none: ["Nobody is called so.", "A part of the name or address is enough."],
    you: "you", rolesOf: (name: string) => `Rights of ${name}`, roles: { auditor: "Reads the audit", admin: "Admin" }, changed: (name: string) => `The rights of ${name} are changed`,
  },
  machine: {
    title: "Machine room", explain: "The path of every event. A function sleeps until something waits for it.", asleep: "asleep", awake: (n: number) => many(n, "replica", "replicas"), lag: "lag", wake: "woke", cold: "cold start", delivered: "delivered", rate: (n: number) => `${n.toLocaleString("en", { maximumFractionDigits: 1 })}/s`, never: "not yet", letters: "dead letters", ago: (s: string) => `${s} ago`, awakeOf: (n: number, all: number) => `${n} of ${all} functions awake`, ms: (n: number) => `${n.toLocaleString("en")} ms`, function: "Function", state: "State", ready: "Health", database: "Database", log: "Log", sidecar: "Sidecar", up: "up", down: "down", log_events: "What happened", woke: "woke", slept: "went to sleep", gateway: "gateway", people: "browser, phone", truth: "the only truth", channels: "mail, webhook",
  },
  calendar: { previous: "Earlier", next: "Later", thisWeek: "This week", thisMonth: "This month", drop: (title: string, day: string) => `${title} moved to ${day}`, more: (n: number) => `${n} more`, },
  board: { byStatus: "By status", byPriority: "By priority", empty: "Nothing here" },
  keys: {
    title: "Keys",
    list: {
      "n": "Add a task", "/": "Search", "j k": "Next, previous task", "Enter": "Open", "Space": "Complete or reopen", "x": "Select", "Shift+j Shift+k": "Extend the selection",
      "1 2 3 0": "Priority high, medium, low, none", "t": "Due today", "m": "Due tomorrow", "Delete": "Delete", "z": "Undo", "Escape": "Close, clear", "?": "This sheet",
      "g t": "Today", "g u": "Upcoming", "g o": "Overdue", "g d": "Done", "g a": "Everything", "g w": "Week", "g m": "Month", "g b": "Board", "g r": "Reminders", "g s": "Settings",
    } as Record<string, string>,
  },
  notFound: { title: "There is nothing here.", back: "To your tasks" },
  failed: { title: "This could not be loaded.", again: "Try again", forbidden: "This needs the role of an admin." },
}

export type Words = typeof en
