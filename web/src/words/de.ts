/** Every string of the page in German. */
import type { Words } from "./en"

const many = (n: number, one: string, more: string) => `${n.toLocaleString("de")} ${n === 1 ? one : more}`

export const de: Words = {
  locale: "de",
  name: "TaskFlow",
  views: { today: "Heute", upcoming: "Demnächst", overdue: "Überfällig", done: "Erledigt", all: "Alles" },
  nav: {
    main: "Listen", tags: "Schlagwörter", saved: "Gespeicherte Ansichten", week: "Woche", month: "Monat", board: "Tafel", more: "Mehr",
    settings: "Einstellungen", reminders: "Erinnerungen", users: "Personen", audit: "Protokoll", machine: "Maschinenraum", letters: "Unzustellbares",
    manageTags: "Schlagwörter verwalten", logOut: "Abmelden", skip: "Zur Liste springen", operators: "Betrieb", help: "Tasten",
  },
  empty: {
    today: ["Für heute ist alles getan.", "Genieße die Ruhe, oder sieh nach, was kommt."],
    upcoming: ["Nichts in Sicht.", "Aufgaben mit Datum erscheinen hier, Tag für Tag."],
    overdue: ["Nichts ist verspätet.", "Gut gehalten."],
    done: ["Noch nichts erledigt.", "Was du abschließt, bleibt hier erhalten."],
    all: ["Noch keine Aufgaben.", "Schreib oben eine: „call Ada tomorrow 9am #work“."],
    search: ["Nichts passt.", "Weniger Wörter oder weniger Filter helfen vielleicht."],
  },
  add: {
    label: "Aufgabe hinzufügen", placeholder: "Was ist zu tun?", hint: "tomorrow 9am · every friday · #wort · !high · remind 1h before",
    add: "Hinzufügen", noTitle: "Gib ihr auch einen Titel.",
  },
  task: {
    complete: (title) => `Abschließen: ${title}`, reopen: (title) => `Wieder öffnen: ${title}`, open: (title) => `Öffnen: ${title}`,
    select: (title) => `Auswählen: ${title}`, pending: "Noch nicht bestätigt", repeats: "Wiederholt sich", reminds: "Mit Erinnerungen", notes: "Mit Notizen",
    title: "Titel", close: "Schließen", menu: "Weitere Aktionen", delete: "Löschen", deleteFuture: "Diese und folgende löschen",
    snooze: "In einer Stunde wieder erinnern", skip: "Diese überspringen", cancel: "Aufgabe absagen", gone: "Diese Aufgabe gibt es nicht mehr.", created: "Angelegt", updated: "Geändert", saving: "Wird gespeichert",
  },
  fields: { title: "Titel", start_at: "Beginn", start_on: "Beginn", floating: "Folgt der Zone", due_at: "Fällig", due_on: "Fällig", timezone: "Zeitzone", priority: "Priorität", tags: "Schlagwörter", notes: "Notizen", recurrence: "Wiederholung", reminders: "Erinnerungen" },
  status: { open: "Offen", done: "Erledigt", cancelled: "Abgesagt" },
  priority: { high: "Hoch", medium: "Mittel", low: "Niedrig", none: "Keine" },
  due: {
    none: "Kein Datum", today: "Heute", tomorrow: "Morgen", yesterday: "Gestern", overdue: "Überfällig", now: "Jetzt",
    pick: "Datum wählen", time: "Uhrzeit", clear: "Entfernen", nextWeek: "Nächste Woche", weekend: "Wochenende", noStart: "Jederzeit", floating: "Dieselbe Uhrzeit, wo ich auch bin", floats: "nach deiner Uhr, überall", zone: (zone) => `in ${zone}`,
  },
  repeat: {
    never: "Wiederholt sich nicht", every: "Alle", on: "Am", ends: "Endet", forever: "Nie", until: "Am", after: "Nach",
    times: (n) => many(n, "Mal", "Mal"), from: "Gezählt ab", fromDue: "dem Fälligkeitstag", fromDone: "dem Abschließen",
    short: "In kurzen Monaten", backward: "am letzten Tag", forward: "am ersten des nächsten", omit: "auslassen",
    missed: "Wenn verpasst", keep_latest: "die letzte behalten", keep_all: "alle behalten", skip_to_next: "weiter zur nächsten",
    units: {
      hourly: ["Stunde", "Stunden"], daily: ["Tag", "Tage"], weekly: ["Woche", "Wochen"], monthly: ["Monat", "Monate"], yearly: ["Jahr", "Jahre"],
    },
    preview: "Nächste Termine", endsThere: "Dort endet es.", goesOn: "und so weiter", rule: "Regel", fromCompletion: "nach dem Abschließen",
    onDay: (day) => (day === -1 ? "am letzten Tag" : `am ${day}.`), nth: ["ersten", "zweiten", "dritten", "vierten", "fünften"], last: "letzten",
    untilDate: (date) => `bis ${date}`, each: (n, unit) => (n === 1 ? EACH[unit[0]] ?? `jede ${unit[0]}` : `alle ${n} ${unit[1]}`),
    onDays: (days) => `am ${days}`, nthDay: (nth, day) => `am ${nth} ${day}`, workdays: "jeden Werktag",
    movedBack: (month, lacks, day) => `${month} hat keinen ${lacks}.: zurück auf den ${day}.`, movedForward: (month, lacks, day, next) => `${month} hat keinen ${lacks}.: vor auf den ${day}. ${next}`,
    noSuchTime: (lacks, time) => `${lacks} gibt es an diesem Tag nicht: ${time}`, twice: (time) => `${time} gibt es an diesem Tag zweimal: das erste Mal`,
    needsDate: "Was sich wiederholt, braucht ein Datum.", custom: "Eigene",
    scope: "Ändern", this: "nur diese", following: "diese und folgende", all: "alle",
  },
  remind: {
    add: "Erinnerung hinzufügen", atDue: "zur Fälligkeit", before: (words) => `${words} vorher`, afterIt: (words) => `${words} danach`, atStart: "zum Beginn", ofStart: (words) => `${words} (vom Beginn)`, remove: "Diese Erinnerung entfernen",
    at: (words) => `um ${words}`, needsDate: "Erinnerungen zählen ab der Fälligkeit: Setz ein Datum.",
    minutes: (n) => many(n, "Minute", "Minuten"), hours: (n) => many(n, "Stunde", "Stunden"), days: (n) => many(n, "Tag", "Tage"),
  },
  tags: {
    add: "Schlagwort", remove: (tag) => `${tag} entfernen`, explain: "Ein Schlagwort wird an jeder Aufgabe umbenannt, die es trägt. Gib ihm den Namen eines anderen, und aus beiden wird eins.",
    none: ["Noch keine Schlagwörter.", "Schreib #zuhause in eine Aufgabe, dann steht es hier."], rename: (tag) => `Name von ${tag}`, tasks: (n) => many(n, "Aufgabe", "Aufgaben"),
    renamed: (from, to) => `„${from}“ heißt jetzt „${to}“`, merged: (from, to) => `„${from}“ ging in „${to}“ auf`, removed: (tag) => `„${tag}“ ist entfernt`,
    mergeTitle: (from, to) => `„${from}“ mit „${to}“ vereinen?`, mergeExplain: (n) => `${many(n, "Aufgabe ändert", "Aufgaben ändern")} sich. Beide lassen sich danach nicht mehr trennen.`, merge: "Vereinen", keep: "So lassen",
    removeTitle: (tag) => `„${tag}“ überall entfernen?`, removeExplain: (n) => `${many(n, "Aufgabe verliert", "Aufgaben verlieren")} dieses Schlagwort. Die Aufgaben bleiben.`, removeIt: "Schlagwort entfernen",
  },
  history: {
    title: "Verlauf", by: (who) => `von ${who}`, you: "dir", system: "TaskFlow", none: "Noch ist keine Änderung verzeichnet.",
    actions: { created: "Angelegt", updated: "Geändert", completed: "Abgeschlossen", reopened: "Wieder geöffnet", cancelled: "Abgesagt", deleted: "Gelöscht", skipped: "Übersprungen", missed: "Verpasst" },
    empty: "leer",
  },
  deliveries: {
    title: "Kamen meine Erinnerungen an?", none: "Diese Aufgabe hat keine Erinnerung, und nie kam die Zeit für eine.", log: "Was dorthin ging", empty: "Dorthin ging noch nichts.", attemptsShown: "Versuche", noAttempt: "Noch wurde nichts versucht.", again: "Noch einmal senden", sentAgain: "Noch einmal gesendet",
    states: { planned: "Geplant", due: "Fällig", retry: "Wird erneut versucht", sent: "Gesendet", failed: "Fehlgeschlagen", suppressed: "Nicht gesendet" },
    kinds: { email: "E-Mail", webhook: "Webhook", web_push: "Mitteilung im Browser", apprise: "Apprise" },
  },
  reminders: {
    explain: "Was kommt, was kam, und warum etwas nicht kam.", choices: "Wähle, wie", coming: "Kommende", came: "Was aus ihnen wurde", noneComing: "Keine Erinnerung ist geplant.", test: "Test eines Kanals", toTask: "Zur Aufgabe",
  },
  choices: {
    title: "Erinnerungen", explain: "Was für alle gilt, wenn eine Aufgabe nichts anderes sagt.", order: "Sie gehen über", usual: "Nichts gewählt: Sie gehen an deine Mailadresse.", inTurn: "Der erste zuerst; wann der nächste folgt, steht darunter.",
    earlier: (kind) => `${kind} früher`, escalate: "Der nächste folgt", escalateExplain: "„Verstanden“ oder das Abschließen der Aufgabe hält die übrigen still.", atOnce: "sofort, alle zugleich", after: (words) => `${words} später, ohne Antwort`,
    quiet: "Ruhezeit", quietExplain: "Was in dieser Zeit kommt, wartet, bis sie vorbei ist.", from: "Von", until: "bis", digest: "Eine Mail mit dem Tag", digestExplain: "Jeden Morgen, was fällig und was überfällig ist.",
    late: "Was ein Ausfall verspätet hat", lateExplain: "Eine verspätete Erinnerung sagt, dass sie verspätet ist.", send: "wird trotzdem gesendet", drop: "wird ausgelassen", lateAfter: "Verspätet heißt", moreThan: (words) => `bei mehr als ${words}`,
  },
  push: {
    title: "Mitteilungen in diesem Browser", on: "Erinnerungen erscheinen hier, mit „Erledigt“ und „In einer Stunde“, auch wenn keine Seite offen ist.", off: "Erinnerungen können hier erscheinen, auch wenn keine Seite offen ist.", turnOn: "Einschalten", turnOff: "Ausschalten",
    unsupported: "Dieser Browser, oder diese Adresse ohne https, bietet keine Mitteilungen.", denied: "Diesem Browser wurden sie verboten: Erlaube Mitteilungen für diese Adresse in seinen Einstellungen.", dismissed: "Der Browser fragte und bekam keine Antwort: Versuch es noch einmal und erlaube es.",
    service: "Der Push-Dienst des Browsers ist nicht erreichbar. Versuch es mit Netz noch einmal.", refused: "Mitteilungen sind nicht eingeschaltet",
  },
  series: {
    title: "Serie", planned: "geplant", ends: { done: "erledigt", cancelled: "abgesagt", skipped: "übersprungen", deleted: "gelöscht", missed: "verpasst", moved: "verschoben" }, open: "offen",
    more: "Mehr zeigen",
  },
  search: {
    label: "Suchen", placeholder: "Suchen", clear: "Suche leeren", filters: "Filter", sort: "Ordnung", status: "Status", priority: "Priorität",
    save: "Ansicht speichern", saveName: "Name der Ansicht", saved: (name) => `Als „${name}“ gespeichert`, expression: "Filterausdruck",
    example: 'priority:high and due < today+7d and not tag:"deep work"', at: (n) => `bei Zeichen ${n}`, reset: "Filter leeren", loading: "Mehr wird geladen",
    noExpression: "Ausdruck entfernen", offers: "Was folgen kann", kinds: { field: "Feld", operator: "Vergleich", value: "Wert", tag: "Schlagwort", keyword: "Wort" },
    shown: (n, more) => `${many(n, "Aufgabe", "Aufgaben")}${more ? " und mehr" : ""}`,
    sorts: { "": "Wie üblich", due_at: "Fälligkeit", "-priority": "Priorität", title: "Titel", "-created_at": "Neueste", "-updated_at": "Zuletzt geändert", relevance: "Relevanz" },
  },
  saved: {
    menu: (name) => `Mehr zu „${name}“`, rename: "Umbenennen", up: "Nach oben", update: "Das Gezeigte behalten", remove: "Entfernen", removed: (name) => `„${name}“ ist entfernt`, save: "Speichern",
  },
  bulk: {
    selected: (n) => `${n.toLocaleString("de")} ausgewählt`, complete: "Abschließen", delete: "Löschen", date: "Datum", priority: "Priorität", tag: "Schlagwort", clear: "Auswahl aufheben",
  },
  done: {
    completed: "Abgeschlossen", deleted: "Gelöscht", skipped: "Übersprungen", cancelled: "Abgesagt", reopened: "Wieder geöffnet", changed: "Geändert",
    completedN: (n) => `${many(n, "Aufgabe", "Aufgaben")} abgeschlossen`, deletedN: (n) => `${many(n, "Aufgabe", "Aufgaben")} gelöscht`, changedN: (n) => `${many(n, "Aufgabe", "Aufgaben")} geändert`,
    snoozed: "Du wirst in einer Stunde wieder erinnert", undo: "Rückgängig", dismiss: "Schließen", refused: "Nicht gespeichert", someRefused: (n) => `${many(n, "Aufgabe wurde", "Aufgaben wurden")} abgelehnt`,
  },
  unsaved: {
    title: "Braucht dich", explain: "Nichts, was du geschrieben hast, ist verloren. Entscheide hier, was daraus wird.", again: "Noch einmal", discard: "Verwerfen", conflict: "An zwei Orten geändert", mine: "Deins", theirs: "Das andere",
    keepMine: "Meins behalten", keepTheirs: "Das andere behalten", button: (n) => `${many(n, "Änderung braucht", "Änderungen brauchen")} dich`, empty: "nichts",
  },
  connection: {
    live: "Verbunden", connecting: "Verbindet", lost: "Offline", waiting: (n) => `${many(n, "Änderung wartet", "Änderungen warten")}`, explain: "Änderungen anderer Geräte erscheinen hier sofort.",
    offline: "Du kannst weitermachen: Alles wird aufbewahrt und gesendet, sobald die Verbindung zurück ist.",
  },
  sign: {
    logIn: "Anmelden", signUp: "Konto anlegen", email: "E-Mail-Adresse", password: "Passwort", newPassword: "Neues Passwort", name: "Dein Name", show: "Passwort zeigen", toSignUp: "Neu hier? Konto anlegen", toLogIn: "Schon ein Konto? Anmelden",
    forgot: "Passwort vergessen?", send: "Link schicken", sent: "Wenn diese Adresse ein Konto hat, ist ein Brief unterwegs.", reset: "Neues Passwort wählen", resetDone: "Das Passwort ist geändert. Melde dich damit an.", back: "Zurück",
    confirmed: "Die Adresse ist bestätigt.", minimum: "Mindestens 8 Zeichen.", claim: "Nichts läuft, solange es niemand braucht. Nichts geht verloren, wenn etwas stirbt.", ended: "Deine Sitzung ist beendet. Was du geschrieben hast, ist aufbewahrt; melde dich an, um es zu senden.", busy: "Der Server antwortet noch nicht; noch ein Versuch hilft.", link: "Dieser Link",
  },
  settings: {
    title: "Einstellungen", profile: "Profil", name: "Name", zone: "Zeitzone", language: "Sprache", theme: "Erscheinung", light: "Hell", dark: "Dunkel", system: "Wie das System",
    password: "Passwort", current: "Jetziges Passwort", change: "Passwort ändern", changed: "Passwort geändert; andere Geräte sind abgemeldet.", saved: "Gespeichert",
    sessions: "Sitzungen", everywhere: "Überall abmelden", everywhereExplain: "Beendet jede Sitzung auf jedem Gerät, auch diese.",
    channels: "Kanäle", channelsExplain: "Wohin Erinnerungen gehen. Jede Adresse weist sich zuerst aus.", kind: "Art", address: "Adresse", addChannel: "Kanal hinzufügen", confirmed: "Bestätigt", unconfirmed: "Wartet auf Bestätigung", test: "Test senden", testing: "Wird gesendet", remove: "Entfernen", disabled: "Abgeschaltet", enable: "Wieder einschalten", rotate: "Neuer Schlüssel zum Unterschreiben", oldSecret: (until) => `der alte Schlüssel unterschreibt noch bis ${until}`,
    secret: "Der Schlüssel, mit dem dieser Webhook unterschrieben wird; er wird nur jetzt gezeigt:", tested: (state) => `Der Test: ${state}`,
    tokens: "API-Schlüssel", tokensExplain: "Für Skripte. Ein Schlüssel wird einmal gezeigt, wenn er entsteht.", tokenName: "Wofür ist er?", read: "Lesen", write: "Schreiben", expires: "Läuft ab", never: "nie", addToken: "Schlüssel anlegen", revoke: "Widerrufen", once: "Kopiere ihn jetzt; er wird nicht noch einmal gezeigt.", copy: "Kopieren", copied: "Kopiert", days: (n) => `in ${n} Tagen`,
    leave: "Konto löschen", leaveExplain: "Meldet dich ab und beendet jeden Schlüssel und jede Erinnerung. Das lässt sich nicht zurücknehmen.", leaveSure: "Schreib deine E-Mail-Adresse, um das Konto zu löschen",
  },
  data: {
    title: "Deine Daten", explain: "Nimm alles mit, und bring es zurück, hierher oder in ein anderes Konto.", all: "Alles exportieren", calendar: "Aufgaben als Kalender exportieren",
    file: "Datei importieren", fileExplain: "Ein Export (.json) oder ein Kalender (.ics). Was schon da ist, bleibt, wie es ist; nichts kommt doppelt.", send: "Importieren", sending: "Wird importiert",
    told: (taken, there, refused) => `${taken.toLocaleString("de")} übernommen, ${there.toLocaleString("de")} schon da, ${refused.toLocaleString("de")} abgelehnt`, leftOut: (what) => `Ausgelassen: ${what}`,
    kinds: { deleted_tasks: "gelöschte Aufgaben", views: "gespeicherte Ansichten", channels: "Kanäle", deliveries: "Zustellungen", reminder_answers: "Antworten auf Erinnerungen", api_tokens: "API-Schlüssel", sessions: "Sitzungen", audit: "Einträge des Protokolls" },
    troubles: "Abgelehnt oder nicht ganz übernommen", entry: (n) => `Eintrag ${n.toLocaleString("de")}`, butNot: (what) => `übernommen, aber nicht: ${what}`, more: (n) => `und ${n.toLocaleString("de")} weitere`,
  },
  audit: {
    title: "Protokoll", explain: "Jede Änderung, Anmeldung und Berechtigung, in einer Kette, die niemand unbemerkt ändert.", verify: "Kette prüfen", verifying: "Wird geprüft", ok: (n) => `Die Kette ist ganz: ${many(n, "Eintrag stimmt", "Einträge stimmen")}.`,
    unproved: "Bekannt ist kein Fehler, doch nicht alles ist bewiesen:",
    bad: (n) => `Die Kette ist gebrochen${n === null ? "" : `, bei Eintrag ${n}`}.`, from: "Von", to: "Bis", action: "Vorgang", anyAction: "Jeder Vorgang", report: "Bericht", more: "Mehr laden", none: "Keine Einträge in dieser Zeit.", hash: "Prüfsumme", before: "Vorher", after: "Nachher", task: "Aufgabe", actor: "Wer", cause: "Ursache", previous: "Vorige Prüfsumme",
  },
  letters: {
    title: "Unzustellbares", explain: "Nachrichten, die eine Funktion aufgegeben hat. Nichts ist verloren: Behebe die Ursache, dann sende sie noch einmal.", none: ["Nichts Unzustellbares.", "Jede Nachricht kam an."], redrive: "Noch einmal senden", force: "Trotzdem senden", discard: "Verwerfen", redriven: "Wieder in ihrem Thema", discarded: "Verworfen", attempts: (n) => many(n, "Versuch", "Versuche"), record: "Die Nachricht", trace: "Fehlerspur", confirm: "Diese Nachricht endgültig verwerfen?", keep: "Behalten",
  },
  users: {
    title: "Personen", explain: "Wer dieses TaskFlow nutzt, und was jede Person darf. Eine Änderung gilt nach höchstens einer halben Minute und steht im Protokoll, so wie jeder Blick in diese Liste.", search: "Name oder E-Mail-Adresse", none: ["So heißt niemand.", "Ein Teil des Namens oder der Adresse genügt."],
    you: "du", rolesOf: (name) => `Rechte von ${name}`, roles: { auditor: "Liest das Protokoll", admin: "Admin" }, changed: (name) => `Die Rechte von ${name} sind geändert`,
  },
  machine: {
    title: "Maschinenraum", explain: "Der Weg jedes Ereignisses. Eine Funktion schläft, bis etwas auf sie wartet.", asleep: "schläft", awake: (n) => many(n, "Instanz", "Instanzen"), lag: "wartend", wake: "wach seit", cold: "Kaltstart", delivered: "zugestellt", rate: (n) => `${n.toLocaleString("de", { maximumFractionDigits: 1 })}/s`, never: "noch nicht", letters: "unzustellbare Nachrichten", ago: (s) => `vor ${s}`, awakeOf: (n, all) => `${n} von ${all} Funktionen wach`, ms: (n) => `${n.toLocaleString("de")} ms`, function: "Funktion", state: "Zustand", ready: "Gesundheit", database: "Datenbank", log: "Log", sidecar: "Beiwagen", up: "läuft", down: "steht", log_events: "Was geschah", woke: "wachte auf", slept: "schlief ein", gateway: "Gateway", people: "Browser, Telefon", truth: "die einzige Wahrheit", channels: "Mail, Webhook",
  },
  calendar: { previous: "Früher", next: "Später", thisWeek: "Diese Woche", thisMonth: "Dieser Monat", drop: (title, day) => `${title}: jetzt ${day}`, more: (n) => `${n} weitere`, },
  board: { byStatus: "Nach Status", byPriority: "Nach Priorität", empty: "Hier ist nichts" },
  keys: {
    title: "Tasten",
    list: {
      "n": "Aufgabe hinzufügen", "/": "Suchen", "j k": "Nächste, vorige Aufgabe", "Enter": "Öffnen", "Space": "Abschließen oder wieder öffnen", "x": "Auswählen", "Shift+j Shift+k": "Auswahl erweitern",
      "1 2 3 0": "Priorität hoch, mittel, niedrig, keine", "t": "Heute fällig", "m": "Morgen fällig", "Delete": "Löschen", "z": "Rückgängig", "Escape": "Schließen, aufheben", "?": "Dieses Blatt",
      "g t": "Heute", "g u": "Demnächst", "g o": "Überfällig", "g d": "Erledigt", "g a": "Alles", "g w": "Woche", "g m": "Monat", "g b": "Tafel", "g r": "Erinnerungen", "g s": "Einstellungen",
    },
  },
  notFound: { title: "Hier ist nichts.", back: "Zu deinen Aufgaben" },
  failed: { title: "Das ließ sich nicht laden.", again: "Noch einmal", forbidden: "Dafür braucht es die Rolle admin." },
}

const EACH: Record<string, string> = { Tag: "jeden Tag", Monat: "jeden Monat", Jahr: "jedes Jahr", Stunde: "jede Stunde", Woche: "jede Woche" }
