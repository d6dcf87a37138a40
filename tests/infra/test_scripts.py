"""The scripts of the ground say what they lack, and do what they say."""

import shutil
import subprocess
import time
from pathlib import Path

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
