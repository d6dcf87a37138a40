"""Which services of Apprise reminders may go to; apart, because the gateway asks when a channel is
made and `send_reminder` asks again, and both must get the same answer.
"""

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from taskflow.webhook_address import AddressRefused

if TYPE_CHECKING:
    from apprise import NotifyBase

# Services whose host stands in Apprise's code: whatever the rest of the address says, nothing else
# is called. Each with the module and the class that send, so that only that one is loaded.
FIXED_HOSTS: dict[str, tuple[str, str]] = {
    "discord": ("apprise.plugins.discord", "NotifyDiscord"),
    "gchat": ("apprise.plugins.google_chat", "NotifyGoogleChat"),
    "guilded": ("apprise.plugins.guilded", "NotifyGuilded"),
    "line": ("apprise.plugins.line", "NotifyLine"),
    "pbul": ("apprise.plugins.pushbullet", "NotifyPushBullet"),
    "pover": ("apprise.plugins.pushover", "NotifyPushover"),
    "prowl": ("apprise.plugins.prowl", "NotifyProwl"),
    "slack": ("apprise.plugins.slack", "NotifySlack"),
    "tgram": ("apprise.plugins.telegram", "NotifyTelegram"),
    "wxteams": ("apprise.plugins.webexteams", "NotifyWebexTeams"),
}

_SCHEME = re.compile(r"([a-z][a-z0-9]{0,31})://.")


def read_service(address: str, allow: str) -> str:
    """The service that an Apprise URL names. `allow` is TASKFLOW_APPRISE_ALLOW: further services,
    `ntfys, matrixs`, whose hosts people then choose themselves. Raises AddressRefused."""
    found = _SCHEME.match(address)
    allowed = {each.strip() for each in allow.split(",")} - {""}
    if found is None:
        raise AddressRefused("It is no Apprise URL: write it like discord://id/token.")
    if found[1] in FIXED_HOSTS or found[1] in allowed:
        return found[1]
    offered = ", ".join(sorted(FIXED_HOSTS.keys() | allowed))
    raise AddressRefused(f"{found[1]}:// is not offered here: use one of {offered}.")


def open_service(address: str, service: str) -> "NotifyBase | None":
    """Apprise's sender for an address of `service`, with only that service's code loaded; None if
    it does not understand the address. Takes a fifth of a second the first time."""
    if service not in FIXED_HOSTS:
        from apprise import Apprise

        # With everything that Apprise knows: only where the operator has allowed more.
        return Apprise.instantiate(address)
    module, name = FIXED_HOSTS[service]
    kind: Any = getattr(import_module(module), name)
    given = kind.parse_url(address)
    try:
        return kind(**given) if given else None
    except TypeError:
        return None
