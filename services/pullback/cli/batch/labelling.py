"""Whether the labels of a family's jobs are labels, whatever their gaps are filled with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.cli.batch.columns import Column, number_text
from pullback.cli.batch.faults import Fault
from pullback.cli.batch.labels import INDEX, fixed_fault, gaps, value_fault
from pullback.cli.batch.model import MOST_LABELS
from pullback.cli.batch.scopes import merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.cli.batch.axes import Stretch
    from pullback.cli.batch.families import Family
    from pullback.cli.batch.faults import Faults
    from pullback.cli.batch.scopes import Scopes

#: Most jobs of a batch, and with that the longest index.
MOST_JOBS = 10_000_000

# Longest text of a label, in characters.
_LONGEST = 63


def check(scopes: Scopes, family: Family, columns: Sequence[str], faults: Faults, *, whole: bool) -> None:
    """Adds what is wrong with labels, but for what lies in a table: `check_stretch` looks at that.

    Args:
        scopes: what was said.
        family: the jobs.
        columns: of the table.
        faults: takes what is wrong.
        whole: whether all inputs are there, so that what a gap cannot be filled with is the label's fault.
    """
    labels = merged(scopes, "labels")
    if len(labels) > MOST_LABELS:
        _, scope = next(iter(labels.values()))
        faults.add(scope.fault(("labels",), f"{len(labels)} labels, but at most {MOST_LABELS} are allowed"))
    for key, (template, scope) in labels.items():
        wrong = fixed_fault(template)
        if whole and wrong is None and gaps(template):
            wrong = _gaps_fault(template, family, columns) or _length_fault(template, family)
        if wrong:
            faults.add(scope.fault(("labels", key), wrong))


def check_stretch(family: Family, stretch: Stretch, faults: Faults) -> None:
    """Adds what is wrong with the labels of some rows of a table."""
    for key, template in family.labels.items():
        used = [gap for gap in gaps(template) if gap in stretch.texts or gap in stretch.columns]
        if not used:
            continue
        rest = _length(template, family)
        for place in range(stretch.size):
            texts = {gap: _text(stretch, gap, place) for gap in used}
            wrong = next((fault for text in texts.values() if (fault := value_fault(text))), None)
            length = rest + sum(len(texts[gap]) for gap in used)
            if wrong is None and length > _LONGEST:
                wrong = f"is {length} characters long, but at most {_LONGEST} are allowed"
            if wrong:
                line = None if stretch.lines is None else stretch.lines[place]
                faults.add(Fault(stretch.file, line, f"label {key}", wrong))


def _text(stretch: Stretch, name: str, place: int) -> str:
    if name in stretch.texts:
        return stretch.texts[name][place]
    return (number_text(stretch.columns[name].get(place)) or "(an array)").replace("+", "")


def _gaps_fault(template: str, family: Family, columns: Sequence[str]) -> str | None:
    single: dict[str, bool] = {INDEX: True}
    single |= {name: number_text(tensor) is not None for name, tensor in family.fixed.items()}
    for axis in family.axes:
        single |= {name: number_text(column.get(0)) is not None for name, column in axis.columns.items()}
    single |= dict.fromkeys(columns, True)
    # Whether a row has a single number there is told when it is read.
    single |= dict.fromkeys(family.table.inputs if family.table is not None else (), True)
    if family.seeds is not None:
        single["seed"] = True
    for gap in gaps(template):
        if gap not in single:
            return f"{{{gap}}} stands for nothing; there are {', '.join(sorted(single))}"
        if not single[gap]:
            return f"{{{gap}}} is not a single real number"
    return None


def _length_fault(template: str, family: Family) -> str | None:
    length = _length(template, family)
    if length > _LONGEST:
        return f"can be {length} characters long, but at most {_LONGEST} are allowed"
    return None


def _length(template: str, family: Family) -> int:
    """Gives how long a label can be, without what a table fills in."""
    names = gaps(template)
    length = len(template) - sum(len(name) + 2 for name in names)
    length += names.count(INDEX) * len(str(MOST_JOBS - 1))
    length += sum(len(number_text(family.fixed[name]) or "") for name in names if name in family.fixed)
    if family.seeds is not None and "seed" in names and "seed" not in family.fixed:
        length += names.count("seed") * _longest(family.seeds, len(family.seeds))
    for axis in family.axes:
        used = [axis.columns[name] for name in names if name in axis.columns]
        if used:
            length += max(sum(_size(column, place) for column in used) for place in range(axis.stretch.size))
    return length


def _longest(column: Column, size: int) -> int:
    return max(_size(column, place) for place in range(size))


def _size(column: Column, place: int) -> int:
    return len((number_text(column.get(place)) or "").replace("+", ""))
