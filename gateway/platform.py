"""How the functions are, from whoever runs them: at home the platform knows of each; on a cluster
each is asked for its health through the sidecar, and one that is not there is asleep.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from taskflow.errors import Unavailable
from taskflow.sidecar import read_address, write_path

if TYPE_CHECKING:
    import httpx

# The sidecar's own policy (dapr/) gives up earlier on a function.
TIMEOUT = 2.0
# The code of every function lies beside the gateway's, in the repository as in the image.
FUNCTIONS = Path(__file__).parent.parent / "functions"

State: TypeAlias = Literal["awake", "unwell", "asleep", "unknown"]
Functions: TypeAlias = list[dict[str, Any]]


def list_functions(folder: Path = FUNCTIONS) -> list[str]:
    """The app-id of every function: its folder's name, with dashes."""
    return sorted(path.parent.name.replace("_", "-") for path in folder.glob("*/main.py"))


async def is_reachable(platform: str) -> bool:
    """Whether the platform that TASKFLOW_PLATFORM names answers."""
    import httpx

    try:
        async with _open(platform) as client:
            answer = await client.get("/v1.0/healthz/outbound" if _is_dapr(platform) else "/state")
    except httpx.HTTPError:
        return False
    return answer.is_success


async def read_functions(platform: str) -> Functions:
    """Every function with its state, and what else the platform knows of it. Raises Unavailable."""
    import httpx

    if _is_dapr(platform):
        return await _ask_each(platform, list_functions())
    try:
        async with _open(platform) as client:
            found: Functions = (await client.get("/state")).json()["functions"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise Unavailable(f"The platform at {platform} does not answer: {error!r}") from error
    return [{**one, "state": "awake" if one["replicas"] else "asleep"} for one in found]


async def _ask_each(platform: str, app_ids: Iterable[str]) -> Functions:
    async with _open(platform) as client:
        names = list(app_ids)
        states = await asyncio.gather(*(ask_health(client, name) for name in names))
    return [_describe(name, state) for name, state in zip(names, states, strict=True)]


async def ask_health(client: "httpx.AsyncClient", app_id: str) -> State:
    """A function's state by its own word, through Dapr's service invocation; it wakes nobody."""
    import httpx

    try:
        answer = await client.get(write_path("invoke", app_id, "method", "healthz"))
    except httpx.HTTPError:
        return "unknown"
    if answer.is_success:
        return "awake"
    # The sidecar's own errors are JSON with a code; a function's answer about its health is empty.
    if b"ERR_DIRECT_INVOKE" not in answer.content:
        return "unwell" if answer.status_code == 503 else "unknown"
    return "unknown" if answer.status_code == 403 else "asleep"


def _describe(app_id: str, state: State) -> dict[str, Any]:
    """The same fields as at home; null is what only Kubernetes and Kafka could say."""
    unknown = ("lag", "last_wake", "cold_start_ms", "delivered", "wakes")
    replicas = 0 if state == "asleep" else None
    return {"name": app_id, "replicas": replicas, **dict.fromkeys(unknown), "state": state}


def _is_dapr(platform: str) -> bool:
    return platform.startswith("dapr:")


def _open(platform: str) -> "httpx.AsyncClient":
    import httpx

    url = read_address("TASKFLOW_PLATFORM", platform).url if _is_dapr(platform) else platform
    return httpx.AsyncClient(base_url=url, timeout=TIMEOUT, trust_env=False)
