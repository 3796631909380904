from __future__ import annotations

from pathlib import Path

import pytest

from pullback.broker.embedded.config import config_text


def _settings(directory: str = "/data") -> dict[str, str]:
    text = config_text(directory=Path(directory), port=1234, password="secret")  # noqa: S106 - a test's
    rows = [line.partition(" ")[::2] for line in text.splitlines()]
    assert len({name for name, _ in rows}) == len(rows)
    return dict(rows)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bind", "127.0.0.1"),
        ("port", "1234"),
        ("requirepass", "secret"),
        ("dir", '"/data"'),
        ("protected-mode", "yes"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", '""'),
        ("maxmemory-policy", "noeviction"),
        ("daemonize", "no"),
    ],
)
def test_what_durability_and_safety_rest_on_is_set(name: str, value: str) -> None:
    """No build's default decides about these."""
    assert _settings()[name] == value


def test_a_path_of_any_characters_stays_one_argument() -> None:
    """Quotes, blanks, newlines and letters beyond ASCII are written as bytes."""
    assert _settings('/a "b"\nc é')["dir"] == '"/a\\x20\\x22b\\x22\\x0ac\\x20\\xc3\\xa9"'
