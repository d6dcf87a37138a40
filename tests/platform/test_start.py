"""A pod whose sidecar does not come."""

import asyncio
from pathlib import Path

from tests.platform.pods import Pod, read_programs
from tests.platform.stage import surround


async def test_a_function_waits_for_its_sidecar_and_ends_with_the_reason(
    daprd: Path, folder: Path
) -> None:
    """It is there for whoever asks meanwhile, and says what is missing when it ends."""
    patience = {"TASKFLOW_SIDECAR_PATIENCE": "2"}
    around = surround(daprd, folder, "127.0.0.1:1", "postgresql://postgres@127.0.0.1:1/x", patience)
    pod = Pod(read_programs()["write-task"], around)
    await pod.start_function()
    assert pod.function is not None
    async with asyncio.timeout(30):
        assert await pod.function.wait() == 1
    said = pod.log("function")
    assert f"no Dapr sidecar has answered at 127.0.0.1:{pod.sidecar_port} for 2 s" in said
    assert "start one beside this process" in said
