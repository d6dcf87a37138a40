"""The scripts of the ground say what they lack, and do what they say."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from taskflow.settings import Settings, change_settings
from tests.infra.render import KUBERNETES

GROUPS = """
GROUP       TOPIC          PARTITION  CURRENT-OFFSET  LOG-END-OFFSET  LAG  CONSUMER-ID
write-task  task-commands  0          12              14              2    -
write-task  task-commands  1          0               0               0    -
write-task  task-commands  2          -               3               -    -
write-task  task-commands  3          9               9               0    -
write-task  task-commands  4          5               5               0    -
write-task  other          0          7               7               0    -
"""
# The first young record of each partition; all of the first one's are old.
YOUNG = """
task-commands:3:4
task-commands:4:0
"""
DESCRIBE = f"#!/bin/sh\ncat <<'END'\n{GROUPS}END\n"
OFFSETS = f"""#!/bin/sh
echo "$@" >> "$(dirname "$0")/asked"
cat <<'END'
{YOUNG}END
"""
DELETE = """#!/bin/sh
while [ "$1" != --offset-json-file ]; do shift; done
cat "$2" >> "$(dirname "$0")/deleted"
"""


def link_programs(folder: Path, *names: str) -> str:
    """A PATH on which these programs of the system are, and nothing else."""
    for name in names:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return str(folder)


def test_without_its_tools_make_minikube_names_them(tmp_path: Path) -> None:
    path = link_programs(tmp_path, "bash", "dirname")
    script = KUBERNETES / "minikube" / "up.sh"
    command = ["bash", str(script)]
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "needs minikube kubectl helm" in done.stderr
    assert done.stdout == ""


def test_without_a_mail_server_no_secret_is_made(tmp_path: Path) -> None:
    path = link_programs(tmp_path, "sh", "dirname")
    command = ["sh", str(KUBERNETES / "secrets.sh")]
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "TASKFLOW_SMTP=smtps://" in done.stderr


def test_what_its_reader_has_done_and_is_old_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    programs = {"consumer-groups": DESCRIBE, "get-offsets": OFFSETS, "delete-records": DELETE}
    for name, text in ((f"kafka-{name}.sh", text) for name, text in programs.items()):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    env = {"PATH": "/usr/bin:/bin", "KAFKA_BIN": str(tmp_path), "BOOTSTRAP": "b", "CONFIG": "c"}
    env["KEPT_DAYS"] = "7"
    week_ago = time.time() - 7 * 86_400
    script = KUBERNETES / "base" / "trim" / "trim.sh"
    command = ["bash", str(script), "task-commands=write-task", "absent=write-task"]
    subprocess.run(command, env=env, check=True)
    assert (tmp_path / "deleted").read_text() == (
        '{"version":1,"partitions":[{"topic":"task-commands","partition":0,"offset":12},'
        '{"topic":"task-commands","partition":3,"offset":4}]}\n'
    )
    asked = (tmp_path / "asked").read_text().split()
    assert abs(int(asked[asked.index("--time") + 1]) / 1000 - week_ago) < 60


# A cluster that keeps one secret, in a file, and notes what it was told.
KUBECTL = """#!/usr/bin/env python3
import base64, json, os, sys
from pathlib import Path
said, here = sys.argv[3:], Path(os.environ["HERE"])
keys = json.loads((here / "secret").read_text())
if said[:2] == ["get", "secret"]:
    name = said[-1].removeprefix("jsonpath={.data.").removesuffix("}")
    print(base64.b64encode(keys.get(name, "").encode()).decode(), end="")
elif said[:2] == ["get", "pods"]:
    print("pod/gateway-1\\npod/gateway-2")
else:
    if said[0] == "patch":
        keys |= json.loads(Path(said[-1]).read_text())["stringData"]
        (here / "secret").write_text(json.dumps(keys))
    with (here / "log").open("a") as log:
        log.write(json.dumps([said, keys]) + "\\n")
"""


class Cluster:
    """The script on a cluster that only keeps its secret."""

    def __init__(self, folder: Path, **keys: str) -> None:
        (folder / "kubectl").write_text(KUBECTL)
        (folder / "kubectl").chmod(0o755)
        (folder / "secret").write_text(json.dumps(keys))
        self.folder = folder

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{self.folder}:{os.environ['PATH']}", "HERE": str(self.folder)}
        command = ["sh", str(KUBERNETES / "rotate.sh"), *words]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    def known(self) -> Settings:
        keys = json.loads((self.folder / "secret").read_text())
        return change_settings(Settings(), keys)

    def said(self) -> list[tuple[list[str], Settings]]:
        """Each command, and what processes read that start then."""
        lines = (self.folder / "log").read_text().splitlines()
        return [(said, change_settings(Settings(), keys)) for said, keys in map(json.loads, lines)]


def test_a_new_secret_is_taken_everywhere_before_it_signs(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, TASKFLOW_SECRET="first, by hand", TASKFLOW_SMTP="smtp://h")
    done = cluster.run()
    assert done.returncode == 0, done.stderr
    told = cluster.known()
    assert told.accepted_secrets == (told.secret, "first, by hand") and told.smtp == "smtp://h"
    said = cluster.said()
    (_, announced), (_, last) = [(words, keys) for words, keys in said if words[0] == "patch"]
    assert announced.accepted_secrets == ("first, by hand", told.secret) and last == told
    restarts = [(words, keys) for words, keys in said if words[:2] == ["rollout", "restart"]]
    functions = {path.stem for path in (KUBERNETES / "base/functions").glob("*.yaml")}
    assert [set(words[3:]) for words, _ in restarts] == [functions - {"gateway"}] * 2
    assert [keys for _, keys in restarts] == [announced, last]
    pods = [(words[1], keys) for words, keys in said if words[0] == "delete"]
    named = ["pod/gateway-1", "pod/gateway-2"]
    assert pods == [(pod, keys) for keys in (announced, last) for pod in named]
    assert told.secret not in " ".join(word for words, _ in said for word in words)


def test_earlier_secrets_are_retired_and_leaked_ones_taken_no_more(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, TASKFLOW_SECRET="first")
    assert cluster.run().returncode == 0
    second = cluster.known().secret
    assert cluster.run("retire").returncode == 0
    retired = cluster.known()
    assert retired.accepted_secrets == (second,) and retired.audit_secrets == (second, "first")
    assert cluster.run("leaked").returncode == 0
    now = cluster.known()
    assert now.accepted_secrets == (now.secret,) != (second,)
    assert now.audit_secrets == (now.secret, second, "first")


@pytest.mark.parametrize(("keys", "words"), [({}, ()), ({"TASKFLOW_SECRET": "x"}, ("reitre",))])
def test_nothing_changes_where_there_is_no_secret_or_no_such_word(
    tmp_path: Path, keys: dict[str, str], words: tuple[str, ...]
) -> None:
    cluster = Cluster(tmp_path, **keys)
    assert cluster.run(*words).returncode == 1
    assert json.loads((tmp_path / "secret").read_text()) == keys
    assert not (tmp_path / "log").exists()
