from __future__ import annotations

from pathlib import Path

import pytest

from pullback.cli.up.existing import without_secrets
from pullback.cli.up.settings import UpSettings, part_environment


def test_data_lie_in_the_users_data_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_DATA_HOME says where users' data are kept."""
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert UpSettings().data_dir == Path("/somewhere/pullback")


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_data_home_the_usual_one_is_taken(
    value: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unset and empty mean ~/.local/share."""
    monkeypatch.setenv("HOME", str(tmp_path))
    if value is None:
        monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_DATA_HOME", value)
    assert UpSettings().data_dir == tmp_path / ".local/share/pullback"


def test_a_part_sees_our_environment_and_its_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part's own settings come on top of what the user has set."""
    monkeypatch.setenv("PULLBACK_SLOTS", "7")
    monkeypatch.setenv("PULLBACK_BATCH", "64")
    environment = part_environment(slots="2")
    assert environment["PULLBACK_SLOTS"] == "2"
    assert environment["PULLBACK_BATCH"] == "64"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://:secret@localhost:6379/0", "redis://localhost:6379/0"),
        ("rediss://user:p%40ss@redis.example:6380/1", "rediss://redis.example:6380/1"),
        ("redis://localhost:6379/0?password=secret", "redis://localhost:6379/0"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    """A password may be in two places of a URL, and is shown in neither."""
    assert without_secrets(url) == shown


def test_what_the_parts_are_told_is_the_environments_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Address, device and slots are read from the variables that the parts themselves would read."""
    monkeypatch.setenv("PULLBACK_LISTEN", "0.0.0.0:7000")
    monkeypatch.setenv("PULLBACK_DEVICE", "cuda")
    monkeypatch.setenv("PULLBACK_SLOTS", "3")
    settings = UpSettings()
    assert (settings.listen, settings.device, settings.slots) == ("0.0.0.0:7000", "cuda", 3)
