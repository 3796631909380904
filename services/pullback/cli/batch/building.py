"""From what a file says of an entry to its family of jobs, with every fault on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from pullback.cli.batch import labelling
from pullback.cli.batch.arrays import DEFAULT_DTYPE, Typing, swept_array, whole_array
from pullback.cli.batch.axes import ListedAxis
from pullback.cli.batch.binding import Bindings, Bound, bind
from pullback.cli.batch.derivatives import check_derivative
from pullback.cli.batch.families import Family, seed_of
from pullback.cli.batch.faults import BatchError, Faults
from pullback.cli.batch.labels import gaps
from pullback.cli.batch.programs import Programs
from pullback.cli.batch.rows import RowsAxis
from pullback.cli.batch.scopes import Scopes, entry_of, merged, said, sayer
from pullback.cli.batch.template import FIELDS as TEMPLATE_FIELDS
from pullback.cli.batch.template import moments_of, template_of
from pullback.v1.job_pb2 import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pullback.cli.batch.columns import Column
    from pullback.cli.batch.files import Files
    from pullback.v1.tensor_pb2 import Tensor


@final
class Builder:
    """Builds families. What the top of a file says for all is made once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._programs = Programs(files)
        self._kept: dict[tuple[Any, ...], Any] = {}
        self._shared: Job | None = None

    def build(self, scopes: Scopes, faults: Faults) -> Family:
        """Builds the family of an entry; adds what is wrong, and makes what it can then, to find more.

        Args:
            scopes: what was said of the entry, the nearest first.
            faults: takes what is wrong.
        """
        own = Faults()
        typing = typing_of(scopes)
        bindings = bind(scopes, self._files, own)
        bound = not own
        family = Family(
            where=_where(scopes),
            template=self._template(scopes, own),
            moments=moments_of(scopes, own),
            labels={key: text for key, (text, _) in merged(scopes, "labels").items()},
            fixed=self._tensors(bindings.sections["inputs"], typing, own),
            table=self._table(scopes, bindings, typing),
            axes=[*self._zip(bindings, typing, own), *self._grid(bindings, typing, own)],
            seeds=self._seeds(scopes, own),
        )
        for name, tensor in family.fixed.items():
            family.template.evaluation.inputs[name].CopyFrom(tensor)
        # Where names are missing that should be there, a program that reads them is not at fault.
        outputs = self._check_program(scopes, family, bindings, own) if bound else ()
        check_derivative(scopes, bindings.names(), own)
        evaluation = family.template.evaluation
        self._directions("cotangents", evaluation.cotangents, scopes, typing, outputs, own)
        # A tangent may be of what the program binds, too: whether it is one is the service's affair.
        self._directions("tangents", evaluation.tangents, scopes, typing, (), own)
        whole = not own and all(scope.whole for scope in scopes)
        labelling.check(scopes, family, bindings.columns, own, whole=whole)
        faults.take(own)
        return family

    def _template(self, scopes: Scopes, faults: Faults) -> Job:
        """Makes what all jobs of an entry share; most entries of a long file share it with each other."""
        text = self._programs.text(scopes, faults)
        if not TEMPLATE_FIELDS.isdisjoint(entry_of(scopes).said):
            return template_of(scopes, text)
        if self._shared is None or self._shared.evaluation.program != text:
            self._shared = template_of(scopes, text)
        copy = Job()
        copy.CopyFrom(self._shared)
        return copy

    def _tensors(self, bounds: Mapping[str, Bound], typing: Typing, faults: Faults) -> dict[str, Tensor]:
        made = {name: self._made(whole_array, name, bound, typing, faults) for name, bound in bounds.items()}
        return {name: tensor for name, tensor in made.items() if tensor is not None}

    def _grid(self, bindings: Bindings, typing: Typing, faults: Faults) -> list[ListedAxis]:
        columns = self._columns(bindings.sections["grid"], typing, faults)
        return [ListedAxis("grid", {name: column}) for name, column in columns.items()]

    def _zip(self, bindings: Bindings, typing: Typing, faults: Faults) -> list[ListedAxis]:
        bounds = bindings.sections["zip"]
        columns = self._columns(bounds, typing, faults)
        if not columns:
            return []
        first = next(iter(columns))
        for name, column in columns.items():
            if len(column) != len(columns[first]):
                message = f"has {len(column):,} items, but {first} beside it has {len(columns[first]):,}"
                faults.add(bounds[name].scope.fault(bounds[name].path, message))
        return [ListedAxis("zip", columns)]

    def _columns(self, bounds: Mapping[str, Bound], typing: Typing, faults: Faults) -> dict[str, Column]:
        made = {name: self._made(swept_array, name, bound, typing, faults) for name, bound in bounds.items()}
        return {name: column for name, column in made.items() if column is not None}

    def _made(self, make: Callable[..., Any], name: str, bound: Bound, typing: Typing, faults: Faults) -> Any:
        key = (make, id(bound.scope), bound.path, typing.of(name), typing.default)
        if key in self._kept:
            return self._kept[key]
        try:
            made = make(bound.spec, name, typing, self._files)
        except ValueError as error:
            faults.add(bound.scope.fault(bound.path, str(error)))
            return None
        except BatchError as error:
            faults.take(error)
            return None
        if bound.scope.shared:
            self._kept[key] = made
        return made

    def _table(self, scopes: Scopes, bindings: Bindings, typing: Typing) -> RowsAxis | None:
        rows = said(scopes, "rows")
        bounds = bindings.sections["rows"]
        if rows is None or not bindings.columns:
            return None
        names = {gap for text, _ in merged(scopes, "labels").values() for gap in gaps(text)}
        texts = [column for column in bindings.columns if column in names and column not in bindings.names()]
        if not bounds and not texts:
            return None
        inputs = {name: bound.spec for name, bound in bounds.items()}
        return RowsAxis(rows, inputs, texts, typing, self._files)

    def _seeds(self, scopes: Scopes, faults: Faults) -> Column | None:
        scope = sayer(scopes, "seed")
        if scope is None or isinstance(scope.fields.seed, int):
            return None
        bound = Bound(scope.fields.seed, scope, ("seed",))
        seeds: Column | None = self._made(
            swept_array, "seed", bound, Typing("int64", (("seed", "int64"),)), faults
        )
        if seeds is None:
            return None
        first = seeds.get(0)
        if first.shape or seeds.about() != "int64":
            faults.add(scope.fault(("seed",), f"is {seeds.about()}, not whole numbers"))
            return None
        if any(seed_of(seeds.get(place)) >= 2**63 for place in range(len(seeds))):
            faults.add(scope.fault(("seed",), "has a seed below 0"))
        return seeds

    def _check_program(
        self, scopes: Scopes, family: Family, bindings: Bindings, faults: Faults
    ) -> tuple[str, ...]:
        text = family.template.evaluation.program
        if not text:
            return ()
        chosen = {field: said(scopes, field) for field in ("outputs", "wrt")}
        return self._programs.check(scopes, text, bindings.names(), chosen, faults)

    def _directions(  # noqa: PLR0917 - as for the others, and which
        self,
        field: str,
        into: Any,
        scopes: Scopes,
        typing: Typing,
        outputs: tuple[str, ...],
        faults: Faults,
    ) -> None:
        scope = sayer(scopes, field)
        if scope is None:
            return
        for name, spec in getattr(scope.fields, field).items():
            bound = Bound(spec, scope, (field, name))
            if outputs and name not in outputs:
                faults.add(scope.fault(bound.path, f"{name} is not among the outputs: {', '.join(outputs)}"))
            tensor = self._made(whole_array, name, bound, typing, faults)
            if tensor is not None:
                into[name].CopyFrom(tensor)


def typing_of(scopes: Scopes) -> Typing:
    """Finds which data types are asked for: a default, and by name."""
    default, by_name = None, {}  # type: tuple[str | None, dict[str, str]]
    for scope in scopes:
        dtype = scope.fields.dtype
        if isinstance(dtype, str):
            default = default or dtype
        elif dtype is not None:
            by_name = dtype | by_name
    return Typing(default or DEFAULT_DTYPE, tuple(sorted(by_name.items())))


def _where(scopes: Scopes) -> str:
    entry = entry_of(scopes)
    line = entry.document.line(entry.at)
    return entry.document.file if line is None else f"{entry.document.file}:{line}"
