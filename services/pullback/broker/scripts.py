"""The Lua scripts: each state change is one of them, for a process may be killed between any two commands."""

from __future__ import annotations

from importlib.resources import files

ACCEPT = "accept"
FINISH = "finish"
ABANDON = "abandon"
JOIN = "join"
BEAT = "beat"
LEAVE = "leave"
SWEEP = "sweep"


def source(name: str) -> str:
    """Reads a script's text."""
    return files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
