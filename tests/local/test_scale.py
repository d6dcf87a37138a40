"""How many processes the triggers want."""

import pytest

from local.scale import Reading, count_replicas


@pytest.mark.parametrize(
    ("readings", "most", "wanted"),
    [
        ([], 6, 0),
        ([(0, 10, 0)], 6, 0),
        ([(1, 10, 0)], 6, 1),
        ([(10, 10, 0)], 6, 1),
        ([(11, 10, 0)], 6, 2),
        ([(1000, 10, 0)], 6, 6),
        ([(5, 10, 5)], 6, 0),
        ([(6, 10, 5)], 6, 1),
        ([(0, 10, 0), (25, 10, 0)], 6, 3),
        ([(0.5, 1000, 0)], 6, 1),
    ],
)
def test_the_trigger_that_wants_most_decides(
    readings: list[tuple[float, float, float]], most: int, wanted: int
) -> None:
    assert count_replicas([Reading(*one) for one in readings], most) == wanted
