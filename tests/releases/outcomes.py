"""What the gateway of either release makes of an outcome in the ledger: the places and statuses of
its lines, and of those that were refused before. Run as `python outcomes.py < OUTCOME`.
"""

import json
import sys
from typing import Any

from gateway.outcomes import read_outcome


def list_lines(results: list[Any]) -> list[tuple[int, int]]:
    return [(one.position, one.status) for one in results]


def main() -> None:
    columns = {"id": "", "fingerprint": "", "batch_id": "", "parts": 1, "events": "[]"}
    # A dict for the driver's row, of which either release only asks columns by name.
    found: Any = read_outcome({**columns, "outcome": sys.stdin.read()})  # type: ignore[arg-type]
    refused = list_lines(found.refused) if hasattr(found, "refused") else None
    print(json.dumps({"results": list_lines(found.results), "refused": refused}))


if __name__ == "__main__":
    main()
