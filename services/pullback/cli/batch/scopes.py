"""What a job's fields are: its own, and behind them what the top of the file says for all.

Strategy: a job has scopes, the nearest first: the command line, its entry, the top. A field is that of the first scope
that says it. Inputs go by name: the nearest scope that binds a name decides how.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.cli.batch.documents import Document, Path
    from pullback.cli.batch.faults import Fault
    from pullback.cli.batch.model import JobFields

#: Where names are bound.
SECTIONS = ("inputs", "grid", "zip", "rows")


@dataclass(frozen=True)
class Scope:
    """Fields that were said at one place.

    Attributes:
        fields: what was said.
        document: where.
        at: the path to it.
        shared: whether it is of all jobs and not of one entry, so that what is made of it is worth keeping.
        whole: whether all that was said was right; else what is missing may have been said wrongly.
    """

    fields: JobFields
    document: Document
    at: Path = ()
    shared: bool = True
    whole: bool = True

    @cached_property
    def said(self) -> frozenset[str]:
        """The fields of which it says something."""
        fields = self.fields
        return frozenset(name for name in fields.model_fields_set if getattr(fields, name) is not None)

    def fault(self, path: Path, message: str) -> Fault:
        """Makes a fault of something in it."""
        return self.document.fault((*self.at, *path), message)


Scopes = tuple[Scope, ...]


def entry_of(scopes: Scopes) -> Scope:
    """Gives the scope of a job's own entry; the top where the file is no list of jobs."""
    return next((scope for scope in scopes if not scope.shared), scopes[-1])


def sayer(scopes: Scopes, field: str) -> Scope | None:
    """Gives the scope whose word counts for a field."""
    return next((scope for scope in scopes if field in scope.said), None)


def said(scopes: Scopes, field: str) -> Any:
    """Gives what counts for a field: its default where nobody says anything."""
    scope = sayer(scopes, field)
    return getattr((scope or scopes[-1]).fields, field)


def merged(scopes: Scopes, field: str) -> dict[str, tuple[Any, Scope]]:
    """Joins the mappings that all scopes have in a field; for each key, the nearest counts."""
    found: dict[str, tuple[Any, Scope]] = {}
    for scope in reversed(scopes):
        if field not in scope.said:
            continue
        found |= {key: (value, scope) for key, value in getattr(scope.fields, field).items()}
    return found


def near_first(scopes: Scopes, section: str) -> Sequence[Scope]:
    """Gives the scopes that bind names in a section, the nearest first.

    `inputs` are joined; of the others the nearest counts alone, since a sweep is one thing.
    """
    if section == "inputs":
        return [scope for scope in scopes if section in scope.said]
    scope = sayer(scopes, section)
    return [scope] if scope else []
