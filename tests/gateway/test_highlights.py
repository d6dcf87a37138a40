"""Highlights: where the words of a search stand, as JavaScript counts."""

from typing import Any

import httpx
import pytest

from gateway.highlights import (
    BEGIN,
    END,
    LONGEST_EXCERPT,
    cut_excerpt,
    find_runs,
    highlight,
    merge_ranges,
    read_marks,
)
from tests.gateway.test_tasks import create

Client = httpx.AsyncClient


def mark(text: str) -> str:
    return text.replace("[", BEGIN).replace("]", END)


@pytest.mark.parametrize(
    ("marked", "ranges"),
    [
        ("", []),
        ("pay rent", []),
        ("[pay] the [rent]", [(0, 3), (8, 12)]),
        ("[a][b]", [(0, 1), (1, 2)]),
        ("a [b", []),
        ("[a] ] b", []),
    ],
)
def test_marks_become_ranges(marked: str, ranges: list[tuple[int, int]]) -> None:
    assert read_marks(mark(marked)) == ranges


def test_ranges_do_not_touch() -> None:
    assert merge_ranges([(4, 6), (0, 3), (2, 4), (8, 9), (8, 9)]) == [(0, 6), (8, 9)]


def test_letters_without_spaces_are_found_everywhere() -> None:
    assert find_runs("東京と東京都", ["東京"]) == [(0, 2), (3, 5)]


def test_signs_beyond_the_basic_plane_count_twice() -> None:
    found = highlight(("🎉 rent", "🎉"), ((mark("🎉 [rent]"),), ("🎉",)), ["🎉"])
    assert found.title == [(0, 2), (3, 7)]
    assert found.notes is not None and found.notes.ranges == [(0, 2)]


def test_an_excerpt_is_short_on_one_line_and_ends_between_words() -> None:
    notes = "many words before\n" * 20 + "the rent\tis due " + "and words after " * 40
    start = notes.index("rent")
    excerpt = cut_excerpt(notes, [(start, start + 4)])
    assert excerpt is not None
    assert len(excerpt.text) <= LONGEST_EXCERPT + 2
    assert excerpt.text.startswith("…") and excerpt.text.endswith("…")
    assert excerpt.text.strip("…").split()[0] in ("many", "words", "before")
    assert [excerpt.text[a:b] for a, b in excerpt.ranges] == ["rent"]
    assert "\n" not in excerpt.text and "the rent is due" in excerpt.text


def test_an_excerpt_of_one_long_word_is_short_too() -> None:
    excerpt = cut_excerpt("x" * 5000, [(3000, 3004), (4000, 4004)])
    assert excerpt is not None and len(excerpt.text) <= LONGEST_EXCERPT + 2
    assert len(excerpt.ranges) == 1
    assert cut_excerpt("x" * 5000, []) is None


# --- over HTTP ---------------------------------------------------------------------------------


async def find(client: Client, **query: str) -> list[dict[str, Any]]:
    answer = await client.get("/v1/tasks", params={"highlight": "true", **query})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def cut(text: str, ranges: list[list[int]]) -> list[str]:
    units = text.encode("utf-16-le")
    return [units[2 * a : 2 * b].decode("utf-16-le") for a, b in ranges]


@pytest.mark.parametrize(
    ("title", "q", "wanted"),
    [
        ("Paying rents", "pay rent", ["Paying", "rents"]),
        ("Organization", "organiza", ["Organization"]),
        ("organ", "organiza", ["organ"]),
        ("🎉 Café cafe\u0301", "cafe", ["Café", "cafe\u0301"]),
        ("東京タワー 2", "タワー", ["タワー"]),
        ("a/rent <rent> rent_x", "rent", ["rent"] * 3),
        ("the rent", '"the rent"', ["the", "rent"]),
        ("rent -x y", "rent -z", ["rent"]),
        ("🎂🎉", "🎉", ["🎉"]),
        ("\ufdd0rent", "rent", []),
    ],
)
async def test_what_was_found_is_shown(
    paris: Client, title: str, q: str, wanted: list[str]
) -> None:
    await create(paris, title=title)
    (task,) = await find(paris, q=q)
    assert cut(task["title"], task["highlight"]["title"]) == wanted
    assert task["highlight"]["notes"] is None


async def test_notes_are_shown_as_an_excerpt(paris: Client) -> None:
    notes = "lorem ipsum " * 50 + "<script>rent</script> 東京 " + "dolor " * 50
    task = await create(paris, title="x", notes=notes)
    (found,) = await find(paris, q="rent 東京")
    excerpt = found["highlight"]["notes"]
    assert cut(excerpt["text"], excerpt["ranges"]) == ["rent", "東京"]
    assert "<script>rent</script>" in excerpt["text"]
    assert found["highlight"]["title"] == []
    assert {**found, "highlight": None} == {**task, "highlight": None}


async def test_an_expressions_words_are_shown_and_the_order_stays(paris: Client) -> None:
    for title in ("rent b", "rent a", "no"):
        await create(paris, title=title)
    items = await find(paris, filter="rent and not (text:no or due < today)", sort="title")
    shown = [(item["title"], item["highlight"]["title"]) for item in items]
    assert shown == [("rent a", [[0, 4]]), ("rent b", [[0, 4]])]
    (item,) = await find(paris, filter="title:no")
    assert item["highlight"] == {"title": [], "notes": None}
    answer = await paris.get("/v1/tasks", params={"q": "rent"})
    assert "highlight" not in answer.json()["items"][0]
