"""Full text (behaviour F2): stems, beginnings, accents, scripts without spaces, phrases, exclusion,
order; and what a page of it costs.
"""

import re
from typing import Any, TypeAlias

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event

from gateway.broad_search import RANKED
from gateway.text_query import SPACELESS, cut_suffix, read_terms
from taskflow.migrate import migrate
from tests.gateway.test_tasks import create

Client = httpx.AsyncClient
Owner: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

# In full and half width.
WIDE = "\uff21\uff22\uff23 \uff76\uff80\uff76\uff85"
TITLES = [
    "Pay the rent",
    "Organization of the summer party",
    "Running shoes / socks",
    "Call IT about the laptop",
    "To be or not to be",
    "Café with Zoë",
    "cafe\u0301 noir",
    "東京タワーに行く",
    "ไปซื้อนมที่ตลาด",
    "서울에서 만나요",
    "iPhone15を買う",
    "Birthday 🎉🎂 cake",
    "Love ❤️",
    WIDE,
    "Update <b>x</b> at www.example.com/path",
    "हिन्दी सीखना",
    "Straße fegen",
    "Mail ann@example.com re v2.5",
]
FOUND = [
    ("rent", ["Pay the rent"]),
    ("RENTS", ["Pay the rent"]),
    ("ren", ["Pay the rent"]),
    ("run", ["Running shoes / socks"]),
    ("sprinting shoe", []),
    ("running shoe", ["Running shoes / socks"]),
    ("sock", ["Running shoes / socks"]),
    ("organ", ["Organization of the summer party"]),
    ("organiza", ["Organization of the summer party"]),
    ("organizatio", ["Organization of the summer party"]),
    ("part summ", ["Organization of the summer party"]),
    ("it", ["Call IT about the laptop"]),
    ('"to be or not"', ["To be or not to be"]),
    ('"be to"', []),
    ('"pay rent"', []),
    ('"the rent"', ["Pay the rent"]),
    ("café", ["Café with Zoë", "cafe\u0301 noir"]),
    ("cafe", ["Café with Zoë", "cafe\u0301 noir"]),
    ("zoe", ["Café with Zoë"]),
    ("cafe -zoë", ["cafe\u0301 noir"]),
    ('cafe -"with zoe"', ["cafe\u0301 noir"]),
    ("noir or rent", ["Pay the rent", "cafe\u0301 noir"]),
    ("東京", ["東京タワーに行く"]),
    ("タワー", ["東京タワーに行く"]),
    ("京", ["東京タワーに行く"]),
    ("く", ["東京タワーに行く"]),
    ("京東", []),
    ("東京 -タワー", []),
    ("นม", ["ไปซื้อนมที่ตลาด"]),
    ("ตลาด", ["ไปซื้อนมที่ตลาด"]),
    ("서울", ["서울에서 만나요"]),
    ("買う", ["iPhone15を買う"]),
    ("iphone", ["iPhone15を買う"]),
    ("iphone15を", ["iPhone15を買う"]),
    ("🎉", ["Birthday 🎉🎂 cake"]),
    ("🎂 birthday", ["Birthday 🎉🎂 cake"]),
    ("❤", ["Love ❤️"]),
    ("abc", [WIDE]),
    ("カタカナ", [WIDE]),
    ("x path", ["Update <b>x</b> at www.example.com/path"]),
    ("www.example.com/path", ["Update <b>x</b> at www.example.com/path"]),
    ("हिन्दी", ["हिन्दी सीखना"]),
    ("strasse", ["Straße fegen"]),
    ("ann@example.com", ["Mail ann@example.com re v2.5"]),
    ("v2.5", ["Mail ann@example.com re v2.5"]),
    ("nothing of this", []),
]


@pytest.fixture
async def library(paris: Client) -> Client:
    """A person with the TITLES."""
    operations = [{"op": "create", "task": {"title": title}} for title in TITLES]
    answer = await paris.post("/v1/tasks/batch", json={"operations": operations})
    assert [line["status"] for line in answer.json()["results"]] == [201] * len(TITLES)
    return paris


async def find(client: Client, text: str, **more: Any) -> list[str]:
    answer = await client.get("/v1/tasks", params={"q": text, **more})
    assert answer.status_code == 200, answer.text
    return [task["title"] for task in answer.json()["items"]]


async def test_what_is_looked_for_is_found_at_once(library: Client) -> None:
    """At once: the task is in the index when its 201 is answered."""
    wrong = {}
    for text, titles in FOUND:
        found = sorted(await find(library, text))
        if found != sorted(titles):
            wrong[text] = found
    assert wrong == {}


async def test_a_filter_expression_searches_alike(library: Client) -> None:
    for text in ("organiza", "東京", '"the rent"', "cafe -zoë"):
        answer = await library.get("/v1/tasks", params={"filter": text})
        titles = [task["title"] for task in answer.json()["items"]]
        assert sorted(titles) == sorted(await find(library, text))


async def test_a_changed_text_is_found_and_the_old_one_is_not(paris: Client) -> None:
    task = await create(paris, title="Buy milk", notes="oat")
    there = f"/v1/tasks/{task['id']}"
    await paris.patch(there, json={"title": "Buy bread"})
    assert await find(paris, "milk") == []
    assert await find(paris, "bread") == ["Buy bread"]
    await paris.patch(there, json={"notes": "rye"})
    assert await find(paris, "oat") == []
    assert await find(paris, "rye") == ["Buy bread"]
    await paris.post(f"{there}/complete")
    assert await find(paris, "rye", status="done") == ["Buy bread"]


async def test_the_best_come_first_and_then_the_newest(paris: Client) -> None:
    await create(paris, title="something else", notes="for the trip")
    await create(paris, title="old trip")
    await create(paris, title="tripod")
    await create(paris, title="new trip")
    assert await find(paris, "trip") == ["new trip", "old trip", "tripod", "something else"]
    assert (await find(paris, "trip", sort="created_at"))[0] == "something else"


async def test_a_walk_by_relevance_meets_each_once(library: Client) -> None:
    seen: list[str] = []
    query: dict[str, str] = {"q": "t", "limit": "2"}
    while True:
        answer = (await library.get("/v1/tasks", params=query)).json()
        seen += [task["id"] for task in answer["items"]]
        if answer["next_cursor"] is None:
            break
        query["cursor"] = answer["next_cursor"]
    whole = (await library.get("/v1/tasks", params={"q": "t", "limit": "500"})).json()["items"]
    assert seen == [task["id"] for task in whole] and len(seen) >= 3


async def test_what_very_many_hold_is_ranked_among_the_newest(paris: Client) -> None:
    """Of a broad search the newest are ranked and the others follow; a walk meets each once, also
    while people write."""
    await create(paris, title="rent, and older than the ranked")
    older = [{"op": "create", "task": {"title": f"old rental {n}"}} for n in range(30)]
    newer = [{"op": "create", "task": {"title": f"rental {n}"}} for n in range(RANKED - 2)]
    for operations in (older, newer):
        await paris.post("/v1/tasks/batch", json={"operations": operations})
    await create(paris, title="pay rent")
    await create(paris, title="a call", notes="about the rent")
    seen = await walk(paris, limit=100, writing=True)
    assert seen[0] == "pay rent" and seen[RANKED - 1] == "a call"
    assert seen[RANKED].startswith("old rental") and seen[-1] == "rent, and older than the ranked"
    assert len(seen) == len(set(seen)) == RANKED + 31
    assert await walk(paris, limit=20) == await walk(paris, limit=500)


async def walk(client: Client, *, limit: int, writing: bool = False) -> list[str]:
    """All that a search for rent finds, page by page; with a task more of the kind before each."""
    query: dict[str, Any] = {"q": "rent", "limit": limit}
    seen: list[str] = []
    while True:
        answer = (await client.get("/v1/tasks", params=query)).json()
        seen += [task["title"] for task in answer["items"]]
        if answer["next_cursor"] is None:
            return seen
        query["cursor"] = answer["next_cursor"]
        if writing:
            await create(client, title="rent, written on the way")


async def test_a_broad_search_keeps_to_what_else_is_asked(paris: Client) -> None:
    made = [
        {"op": "create", "task": {"title": f"rent {n}", "priority": "low" if n % 2 else "high"}}
        for n in range(RANKED + 100)
    ]
    await paris.post("/v1/tasks/batch", json={"operations": made})
    found = await find(paris, "rent", priority="low", filter="title:9", limit="500")
    assert sorted(found) == sorted(f"rent {n}" for n in range(1, RANKED + 100, 2) if "9" in str(n))
    assert len(await find(paris, "rent", sort="title", limit="500")) == 500


async def test_much_text_is_indexed_too(paris: Client) -> None:
    """The longest notes of every kind fit into an index entry."""
    kinds = [
        "".join(chr(0x4E00 + n) for n in range(20_000)) + "終",
        " ".join(f"{n:x}" for n in range(11_000)) + " thelast",
        "🎉🎂" * 8_000 + " thelast",
    ]
    for notes in kinds:
        await create(paris, notes=notes[: 64 * 1024])
    assert len(await find(paris, "thelast")) == 2
    assert len(await find(paris, "終")) == 1


# --- what a page costs -------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"highlight": "true"}, {"filter": "rent due:none tag:none"}])
async def test_a_page_costs_as_many_statements_however_long_it_is(
    paris: Client, app: FastAPI, more: dict[str, str]
) -> None:
    operations = [{"op": "create", "task": {"title": f"rent {n}"}} for n in range(60)]
    await paris.post("/v1/tasks/batch", json={"operations": operations})
    engine, said = app.state.context.engine, list[str]()

    @event.listens_for(engine.sync_engine, "connect")
    def listen(connection: Any, _: object) -> None:
        connection.driver_connection.add_query_logger(lambda record: said.append(record.query))

    await engine.dispose()
    await paris.get("/v1/tasks", params={"q": "rent", **more})
    counts = []
    for limit in ("1", "50"):
        said.clear()
        items = (await paris.get("/v1/tasks", params={"q": "rent", "limit": limit, **more})).json()
        assert len(items["items"]) == int(limit)
        counts.append(len(said))
    # The page, what is broad, and highlights.
    assert counts == [3 if "highlight" in more else 2] * 2


# --- terms -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ('- "" ""', []),
        ("don't", ["b'don'\n'don':*", "b't'\n't':*"]),
        ("-東京", ["P'東京'"]),
        ("東", ["p'東':*"]),
        ("東京都", ["p'東京' <-> '京都'"]),
        ('"a  B"', ["w'a' <-> 'B'"]),
        ("a-b", ["b'a'\n'a':*", "b'b'\n'b':*"]),
        ("-or", ["W'or'"]),
        ("or", ["|"]),
        ("a\\'b", ["b'a'\n'a':*", "b'b'\n'b':*"]),
    ],
)
def test_terms(text: str, wanted: list[str]) -> None:
    assert list(read_terms(text)) == wanted


@pytest.mark.parametrize(
    ("word", "stems"),
    [
        ("organiza", {"organ"}),
        ("orga", set()),
        ("runn", {"run"}),
        ("runnin", {"run"}),
        ("studyi", {"studi"}),
        ("talki", {"talk"}),
        ("care", set()),
        ("party", set()),
        ("東", set()),
    ],
)
def test_a_half_written_word_may_have_outgrown_its_stem(word: str, stems: set[str]) -> None:
    assert set(cut_suffix(word)) >= stems
    assert stems or not set(cut_suffix(word))


async def test_both_sides_know_the_same_scripts(owner: Owner) -> None:
    letters = [chr(n) for n in (*range(0x80, 0xD800), *range(0xE000, 0x40000))]
    known = await owner.fetchval(
        'SELECT array_agg(x ORDER BY x COLLATE "C") FROM unnest($1::text[]) x'
        " WHERE x ~ search_scripts()",
        letters,
    )
    assert known == [one for one in letters if re.fullmatch(SPACELESS, one)]


# --- the way there and back --------------------------------------------------------------------

OLD = """
INSERT INTO tasks (id, user_id, stream, title, notes, status, priority, tags, tag_keys, reminders,
    version, created_at, updated_at, created_by)
SELECT gen_random_uuid(), $1, $1, $2, '', 'open', 'none', '{}', '{}', '[]', 1, now(), now(), $1
FROM generate_series(1, $3)
"""
HAS = "SELECT count(*) FROM tasks WHERE search @@ $1::text::tsquery"


async def test_tasks_that_were_there_are_found_after_the_migration(
    database_url: str, owner: Owner, user_id: str
) -> None:
    """More than are worked out at once; and after the way back as before."""
    await migrate(database_url, "0004")
    await owner.execute(OLD, user_id, "東京 the trip", 2_345)
    assert await owner.fetchval(HAS, "'trip'") == 2_345
    await migrate(database_url)
    await owner.reload_schema_state()
    assert await owner.fetchval(HAS, "'東京' & 'the'") == 2_345
    await migrate(database_url, "0004")
    await owner.reload_schema_state()
    assert await owner.fetchval(HAS, "'the'") == 0
    await owner.execute(OLD, user_id, "another trip", 1)
    assert await owner.fetchval(HAS, "'trip'") == 2_346
