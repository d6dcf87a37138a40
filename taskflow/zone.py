"""Wall-clock time and instants, apart because every due time, rule and reminder must meet the same
gap and the same fold with the same answer."""

import functools
import io
import pkgutil
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


class InvalidZone(ValueError):
    """A time zone that does not exist; `field` and `message` are fit to be shown to people."""

    def __init__(self, name: str | None) -> None:
        self.field = "timezone"
        shown = "a due time without a zone" if name is None else repr(name[:64])
        self.message = f"{shown} is no IANA time zone: give a name such as Europe/Paris"
        super().__init__(self.message)


def find_zone(name: str | None) -> ZoneInfo:
    """The zone of an IANA name, by the rules of the pinned tz database, so that every process works
    out the same instants. Only names it lists are looked up, so that no path, no `localtime` of
    some machine and no `right/` zone gets in. Raises InvalidZone."""
    if name is None or name not in zone_names():
        raise InvalidZone(name)
    return _read_zone(name)


@functools.cache
def _read_zone(name: str) -> ZoneInfo:
    return ZoneInfo.from_file(io.BytesIO(zone_rules(name)), key=name)


def zone_rules(name: str) -> bytes:
    """The compiled rules of a listed zone, as the tz database has them."""
    return pkgutil.get_data("tzdata", f"zoneinfo/{name}") or b""


def database_version() -> str:
    """The release of the tz database, such as 2026f."""
    return (pkgutil.get_data("tzdata", "zoneinfo/tzdata.zi") or b"")[:20].decode().split()[2]


@functools.cache
def zone_names() -> frozenset[str]:
    """Every zone that the tz database lists."""
    listed = pkgutil.get_data("tzdata", "zones") or b""
    return frozenset(listed.decode("ascii").split())


def to_instant(local: datetime, zone: ZoneInfo) -> tuple[datetime, str | None]:
    """The UTC instant of a naive local time, and the reason where it is not simply that time.

    A time that does not exist moves forward by the gap, a time that happens twice is the first
    (RFC 5545 section 3.3.5; PEP 495 gives both to fold=0).
    """
    first = local.replace(tzinfo=zone, fold=0)
    before, behind = first.utcoffset(), first.replace(fold=1).utcoffset()
    instant = first.astimezone(UTC)
    if before == behind:
        return instant, None
    if before is not None and behind is not None and before < behind:
        moved = to_local(instant, zone)
        return instant, f"{local:%H:%M} does not exist on that day: {moved:%H:%M}"
    return instant, f"{local:%H:%M} happens twice on that day: the first one"


def to_local(instant: datetime, zone: ZoneInfo) -> datetime:
    """The naive wall-clock time of an instant."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)
