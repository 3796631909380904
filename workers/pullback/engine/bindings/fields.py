"""The fields of the named tuples that ops return, such as ``.values`` of ``x.max(dim=0)``."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from pullback.engine.faults import Refused
from pullback.engine.values import describe_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.engine.bindings.binding import Binding


def _field(name: str) -> Binding:
    read = operator.attrgetter(name)

    def field(value: object) -> object:
        # A tensor has methods of some of these names, which are no values.
        if not isinstance(value, tuple):
            raise Refused(f"{describe_value(value)} has no field `{name}`")
        try:
            return read(value)
        except AttributeError:
            raise Refused(f"this result has no field `{name}`") from None

    return field


FIELDS: Mapping[str, Binding] = {
    "Tuple.L": _field("L"),
    "Tuple.LU": _field("LU"),
    "Tuple.Q": _field("Q"),
    "Tuple.R": _field("R"),
    "Tuple.S": _field("S"),
    "Tuple.U": _field("U"),
    "Tuple.Vh": _field("Vh"),
    "Tuple.eigenvalues": _field("eigenvalues"),
    "Tuple.eigenvectors": _field("eigenvectors"),
    "Tuple.indices": _field("indices"),
    "Tuple.logabsdet": _field("logabsdet"),
    "Tuple.pivots": _field("pivots"),
    "Tuple.sign": _field("sign"),
    "Tuple.values": _field("values"),
}
