"""Which names a job binds, and where: the inputs of each section, with what nearer scopes bind anew left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pullback.cli.batch.scopes import SECTIONS, Scope, Scopes, near_first
from pullback.cli.batch.tables import open_table
from pullback.contract.program import valid_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.cli.batch.documents import Path
    from pullback.cli.batch.faults import Faults
    from pullback.cli.batch.files import Files


@dataclass(frozen=True)
class Bound:
    """One name.

    Attributes:
        spec: its array, or the columns of the table that it is made of.
        scope: who says so.
        path: where in the scope.
    """

    spec: Any
    scope: Scope
    path: Path


@dataclass
class Bindings:
    """The names of a job, by section.

    Attributes:
        sections: section -> name -> what it is bound to.
        columns: the columns of the table in force; empty for none.
    """

    sections: dict[str, dict[str, Bound]] = field(default_factory=lambda: {name: {} for name in SECTIONS})
    columns: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Gives all names."""
        return [name for section in self.sections.values() for name in section]


def bind(scopes: Scopes, files: Files, faults: Faults) -> Bindings:
    """Finds what each name is bound to; adds what is wrong."""
    bindings = Bindings()
    owners: dict[str, tuple[int, str]] = {}
    order = {id(scope): rank for rank, scope in enumerate(scopes)}
    found: list[tuple[int, str, str, Bound]] = []
    for section in SECTIONS:
        for scope in near_first(scopes, section):
            bounds = _rows(scope, bindings, files, faults) if section == "rows" else _arrays(scope, section)
            found += [(order[id(scope)], section, name, bound) for name, bound in bounds.items()]
    for rank, section, name, bound in sorted(found, key=lambda one: one[0]):
        if name not in owners:
            owners[name] = (rank, section)
            bindings.sections[section][name] = bound
            if wrong := valid_name(name):
                faults.add(bound.scope.fault(bound.path, f"{name!r} {wrong}"))
        elif owners[name][0] == rank:
            faults.add(bound.scope.fault(bound.path, f"{name} is bound in {owners[name][1]} already"))
    return bindings


def _arrays(scope: Scope, section: str) -> dict[str, Bound]:
    arrays: Mapping[str, Any] = getattr(scope.fields, section)
    return {name: Bound(spec, scope, (section, name)) for name, spec in arrays.items()}


def _rows(scope: Scope, bindings: Bindings, files: Files, faults: Faults) -> dict[str, Bound]:
    rows = scope.fields.rows
    if rows is None:
        return {}
    try:
        table = open_table(files.path(rows.file), rows.file, rows.delimiter)
    except ValueError as error:
        faults.add(scope.fault(("rows",), str(error)))
        return {}
    bindings.columns = table.columns
    if rows.columns is None:
        return {column: Bound([column], scope, ("rows",)) for column in table.columns}
    by_name = rows.columns if isinstance(rows.columns, dict) else {column: column for column in rows.columns}
    found = {}
    for name, columns in by_name.items():
        group = [columns] if isinstance(columns, str) else list(columns)
        path = ("rows", "columns", name) if isinstance(rows.columns, dict) else ("rows", "columns")
        for column in group:
            if column not in table.columns:
                known = ", ".join(table.columns[:20])
                faults.add(scope.fault(path, f"{rows.file} has no column {column!r}; it has {known}"))
                break
        else:
            found[name] = Bound(group, scope, path)
    return found
