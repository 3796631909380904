"""The Lua scripts: each state change is one of them, for a process may be killed between any two commands."""

from __future__ import annotations

import re
from importlib.resources import files

ACCEPT = "accept"
FINISH = "finish"
ABANDON = "abandon"
JOIN = "join"
BEAT = "beat"
LEAVE = "leave"
SHARE = "share"
SWEEP = "sweep"
CRASH = "crash"
QUARANTINE = "quarantine"
CREATE = "create"
TAKE = "take"
SETTLE = "settle"
PUT_BACK = "put_back"
NEXT_ATTEMPT = "next_attempt"
CANCEL = "cancel"
DELETE = "delete"
UPKEEP = "upkeep"
BACKLOG = "backlog"

_INCLUDE = re.compile(r"^-- include (\w+)\.lua$", re.MULTILINE)


def _read(name: str) -> str:
    text = files(__package__).joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda found: _read(found[1]), text)


# Read when the process starts: one that read them later could run with the scripts of a release that replaced its own.
_SOURCES = {
    name: _read(name)
    for name in (
        *(ACCEPT, FINISH, ABANDON, JOIN, BEAT, LEAVE, SHARE, SWEEP, CRASH, QUARANTINE),
        *(CREATE, TAKE, SETTLE, PUT_BACK, NEXT_ATTEMPT, CANCEL, DELETE, UPKEEP, BACKLOG),
    )
}


def source(name: str) -> str:
    """Gives a script's text."""
    return _SOURCES[name]
