"""Processes on a real kernel: tied to their parent, ended in order, found again."""

import asyncio
import os
import socket
import sys
from pathlib import Path
from signal import SIGKILL, SIGTERM

import psutil
import pytest

from local import process

SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER
PARENT = """
import asyncio, sys
from pathlib import Path
from local import process

async def main() -> None:
    child = await process.spawn([sys.executable, "-c", sys.argv[1]], log=Path(sys.argv[2]))
    print(child.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


async def spawn_ready(code: str, log: Path, *words: str) -> asyncio.subprocess.Process:
    child = await process.spawn([sys.executable, "-c", code, *words], log=log)
    while "ready" not in log.read_text():
        assert child.returncode is None
        await asyncio.sleep(0.01)
    return child


async def test_output_goes_to_the_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "one.log"
    code = "import sys; print('out', flush=True); print('err', file=sys.stderr)"
    child = await process.spawn([sys.executable, "-c", code], log=log)
    assert await child.wait() == 0
    assert log.read_text() == "out\nerr\n"


async def test_a_grown_log_moves_aside(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_bytes(b"x" * (process.LOG_BYTES + 1))
    process.open_log(log).close()
    assert log.stat().st_size == 0
    assert (tmp_path / "one.log.1").stat().st_size == process.LOG_BYTES + 1


async def test_the_environment_is_what_was_given(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    code = "import os; print(os.environ['GIVEN'])"
    child = await process.spawn([sys.executable, "-c", code], log=log, env={"GIVEN": "yes"})
    await child.wait()
    assert log.read_text() == "yes\n"


async def test_a_child_is_out_of_reach_of_the_terminals_signals(tmp_path: Path) -> None:
    child = await spawn_ready(SLEEPER, tmp_path / "one.log")
    assert os.getpgid(child.pid) != os.getpgid(0)
    await process.end(child, SIGTERM)


async def test_a_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    told = "import signal, sys; signal.signal(15, lambda *_: (print('told', flush=True), 1 / 0));"
    log = tmp_path / "one.log"
    parent = await asyncio.create_subprocess_exec(
        *[sys.executable, "-c", PARENT, told + SLEEPER, str(log)],
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert parent.stdout is not None
    child = psutil.Process(int(await parent.stdout.readline()))
    while not log.exists() or "ready" not in log.read_text():
        await asyncio.sleep(0.01)
    parent.kill()
    await parent.communicate()
    await process.Stray(child).wait()
    assert "told" in log.read_text()


async def test_the_end_comes_by_the_first_signal_that_is_heard(tmp_path: Path) -> None:
    child = await spawn_ready(SLEEPER, tmp_path / "one.log")
    await process.end(child, SIGTERM)
    assert child.returncode == -SIGTERM


async def test_a_stubborn_child_is_killed(tmp_path: Path) -> None:
    child = await spawn_ready(STUBBORN, tmp_path / "one.log")
    await process.end(child, SIGTERM, patience=0.1)
    assert child.returncode == -SIGKILL


async def test_ending_what_has_ended_is_nothing(tmp_path: Path) -> None:
    child = await spawn_ready(SLEEPER, tmp_path / "one.log")
    await process.end(child, SIGTERM)
    await process.end(child, SIGTERM)
    assert child.returncode == -SIGTERM


async def test_a_cancelled_start_leaves_nothing_running(tmp_path: Path) -> None:
    child = await spawn_ready(SLEEPER, tmp_path / "one.log")

    async def wait_for_ever() -> None:
        async with process.ended_on_failure(child, SIGTERM):
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wait_for_ever(), 0.01)
    assert child.returncode == -SIGTERM


async def test_a_failed_start_tells_the_end_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    child = await process.spawn([sys.executable, "-c", "raise SystemExit('no disk')"], log=log)
    await child.wait()
    with pytest.raises(process.StartFailed, match=r"(?s)The server ended with code 1.*no disk"):
        process.check_running(child, "The server", log)


async def test_a_stray_is_known_by_number_and_mark(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    child = await spawn_ready(SLEEPER, tmp_path / "one.log", "mark-of-ours")
    pid_file.write_text(f"{child.pid}\nmore\n")
    stray = process.find_stray(pid_file, "mark-of-ours")
    assert stray is not None and stray.pid == child.pid
    assert process.find_stray(pid_file, "mark-of-others") is None
    await process.end(stray, SIGTERM)
    assert process.find_stray(pid_file, "mark-of-ours") is None
    await child.wait()


@pytest.mark.parametrize("text", ["", "no number", "4194304999"])
def test_a_pid_file_without_a_process_names_no_stray(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert process.find_stray(tmp_path / "pid", "python") is None
    assert process.find_stray(tmp_path / "absent", "python") is None


def test_the_preferred_port_is_taken_if_free() -> None:
    free = process.choose_port()
    assert process.choose_port(free) == free


def test_a_port_in_use_is_not_chosen() -> None:
    with socket.create_server(("127.0.0.1", process.choose_port())) as server:
        taken = server.getsockname()[1]
        chosen = process.choose_port(taken)
        assert chosen != taken and chosen in process.PORTS


async def test_waiting_for_a_port_ends_with_the_process(tmp_path: Path) -> None:
    child = await process.spawn([sys.executable, "-c", "pass"], log=tmp_path / "one.log")
    await process.wait_for_port(process.choose_port(), child)
    assert child.returncode == 0


def test_a_data_directory_has_one_holder(tmp_path: Path) -> None:
    with process.claim(tmp_path / "data"):
        with pytest.raises(process.AlreadyRunning, match="data; stop it"):
            process.claim(tmp_path / "data")
    process.claim(tmp_path / "data").close()
