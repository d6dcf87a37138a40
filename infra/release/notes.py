"""Cuts a version's notes out of the changelog; apart from the workflow because it refuses what
would be an empty or wrong release.

Run as `python3 notes.py VERSION < CHANGELOG.md`.
"""

import re
import sys


def cut_notes(changelog: str, version: str) -> str:
    """What the changelog says of a version, without its heading."""
    heading = re.compile(rf"^## \[{re.escape(version)}\](?: - \d{{4}}-\d\d-\d\d)?$", re.M)
    found = heading.search(changelog)
    if found is None:
        raise LookupError(
            f"CHANGELOG.md has no section [{version}]: name Unreleased so, with the day, first"
        )
    rest = changelog[found.end() :]
    following = re.search(r"^(## |\[[^\]]+\]: )", rest, re.M)
    notes = rest[: following.start() if following else None].strip()
    if not notes:
        raise LookupError(f"CHANGELOG.md says nothing of {version}: a release that changes nothing")
    return notes


if __name__ == "__main__":
    try:
        print(cut_notes(sys.stdin.read(), sys.argv[1]))
    except LookupError as error:
        sys.exit(str(error))
