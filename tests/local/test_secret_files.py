"""The secrets at home: made once, changed without losing one, and given to every process."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from local.cli import app
from local.secret_files import find_secrets
from taskflow.settings import Settings, change_settings

RUN = CliRunner()


def known(data: Path) -> Settings:
    """What every process is told after a start."""
    return change_settings(Settings(data=data), find_secrets(Settings(data=data), data))


def say(monkeypatch: pytest.MonkeyPatch, data: Path, *words: str, **variables: str) -> int:
    monkeypatch.setenv("TASKFLOW_DATA", str(data))
    monkeypatch.delenv("TASKFLOW_SECRET", raising=False)
    return RUN.invoke(app, ["secret", *words], env=variables).exit_code


def test_a_rotation_and_its_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = known(tmp_path).secret
    assert say(monkeypatch, tmp_path, "rotate") == 0
    second = known(tmp_path)
    assert second.secret != first and second.accepted_secrets == (second.secret, first)
    assert say(monkeypatch, tmp_path, "rotate") == 0
    third = known(tmp_path)
    assert third.accepted_secrets == (third.secret, second.secret, first)
    assert say(monkeypatch, tmp_path, "retire") == 0
    last = known(tmp_path)
    assert last.accepted_secrets == (third.secret,)
    assert last.audit_secrets == (third.secret, second.secret, first)
    for name in ("secret", "secret.retired"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "secret.previous").exists()


def test_a_secret_with_a_comma_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("by hand, with a comma")
    assert say(monkeypatch, tmp_path, "rotate") == 0
    assert known(tmp_path).accepted_secrets[1:] == ("by hand, with a comma",)


def test_a_leaked_secret_is_accepted_no_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    leaked = known(tmp_path).secret
    assert say(monkeypatch, tmp_path, "retire", "--leaked") == 0
    now = known(tmp_path)
    assert leaked not in now.accepted_secrets and leaked in now.audit_secrets


def test_a_secret_that_is_set_elsewhere_is_changed_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert say(monkeypatch, tmp_path, "rotate") == 1
    known(tmp_path)
    assert say(monkeypatch, tmp_path, "rotate", TASKFLOW_SECRET="mine") == 1
    assert not (tmp_path / "secret.previous").exists()


def test_what_is_set_wins_over_files(tmp_path: Path) -> None:
    known(tmp_path)
    given = Settings(data=tmp_path, secret="mine", secret_previous="before")
    told = find_secrets(given, tmp_path)
    assert told == {
        "TASKFLOW_SECRET": "mine",
        "TASKFLOW_SECRET_PREVIOUS": "before",
        "TASKFLOW_SECRET_RETIRED": "",
    }
