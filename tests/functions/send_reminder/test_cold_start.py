"""A cold start loads what a delivery by its channel needs, and nothing of any other channel."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARIES = {
    "aiosmtplib",
    "apprise",
    "cryptography",
    "http_ece",
    "httpx",
    "icalendar",
    "joserfc",
    "requests",
    "standardwebhooks",
}
# With the function alone 260-270; each of the libraries adds 50 to 150.
MOST_MODULES = 300
START = """
import json, sys
import functions.send_reminder.main
import functions.send_reminder.{module}
{more}
print(json.dumps(sorted(sys.modules)))
"""


def modules_of(module: str, more: str = "") -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", START.format(module=module, more=more)],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
    )
    return set(json.loads(done.stdout))


def test_the_function_alone_loads_no_channel() -> None:
    modules = modules_of("handler")
    assert not LIBRARIES & {name.partition(".")[0] for name in modules}
    ours = {name for name in modules if name.startswith("functions.send_reminder.")}
    assert not ours & {
        f"functions.send_reminder.{name}"
        for name in ("mail", "webhook", "web_push", "apprise_service", "outward")
    }
    assert len(modules) <= MOST_MODULES


@pytest.mark.parametrize("module", ["mail", "webhook", "web_push", "apprise_service"])
def test_a_channel_loads_its_libraries_when_something_goes_its_way(module: str) -> None:
    modules = modules_of(module)
    assert not LIBRARIES & {name.partition(".")[0] for name in modules}
    assert len(modules) <= MOST_MODULES + 20


def test_one_service_of_apprise_is_loaded_and_not_all_of_them() -> None:
    more = (
        "from taskflow.apprise_address import open_service\n"
        "open_service('discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js', 'discord')"
    )
    modules = modules_of("apprise_service", more)
    plugins = {name for name in modules if name.startswith("apprise.plugins.")}
    assert "apprise.plugins.discord" in plugins and "apprise.plugins.slack" not in plugins
