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

# Read when the process starts: one that read them later could run with the scripts of a release that replaced its own.
_SOURCES = {
    name: files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    for name in (ACCEPT, FINISH, ABANDON, JOIN, BEAT, LEAVE, SWEEP)
}


def source(name: str) -> str:
    """Gives a script's text."""
    return _SOURCES[name]
