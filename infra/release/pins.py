"""Lists what workflows use from others without its commit, and says in which version each commit is
named; apart from the checkers of workflows because they do not look at the comment.

Run as `python3 pins.py FILE...`; ends with 1 where something is not pinned.
"""

import re
import sys
from pathlib import Path

USES = re.compile(r"^\s*(?:- )?uses:\s*(\S+)(?:\s+#\s*(\S+))?\s*$", re.M)
COMMIT = re.compile(r"@[0-9a-f]{40}$")


def list_unpinned(text: str) -> list[str]:
    """What is used by another name than its commit, or without saying which version that is."""
    return [
        used
        for used, version in USES.findall(text)
        if not used.startswith("./") and not (COMMIT.search(used) and version)
    ]


def main(names: list[str]) -> int:
    loose = [f"{name}: {used}" for name in names for used in list_unpinned(Path(name).read_text())]
    print("\n".join(loose) or "Everything is named by its commit.")
    return 1 if loose else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
