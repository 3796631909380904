"""Which value a name has: that of a comprehension, of the function being written out, or of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.program.diagnose import shown

if TYPE_CHECKING:
    import ast

    from pullback.contract.program.builder import Builder
    from pullback.contract.program.source import Source


class Scope:
    """The names of one call of a function, or of one turn of a comprehension.

    Args:
        outer: where names are looked for that it does not own. None is the program itself: a function that is called
            by another does not see that one's names.
        own: the names that it owns, whether they have a value yet or not.
    """

    def __init__(self, outer: Scope | None, own: frozenset[str]) -> None:
        self.outer = outer
        self.own = own
        self.slots: dict[str, int] = {}


class Names:
    """The names of a program while it is compiled.

    Attributes:
        scope: the innermost scope; None outside of functions and comprehensions.
    """

    def __init__(self, source: Source, builder: Builder) -> None:
        self.scope: Scope | None = None
        self._source = source
        self._builder = builder

    def is_own(self, name: str) -> bool:
        """Says whether a name belongs to a function or a comprehension, whatever it means elsewhere."""
        return self._owner(name) is not None

    def own(self) -> set[str]:
        """Gives the names with values that belong to the present function or comprehension."""
        names: set[str] = set()
        scope = self.scope
        while scope:
            names |= scope.slots.keys()
            scope = scope.outer
        return names

    def read(self, node: ast.Name) -> int:
        """Returns the slot of a name; one of the program that has no value yet is an input.

        Raises:
            ProgramError: a function reads a name of its own that has no value yet.
        """
        name = node.id
        owner = self._owner(name)
        if owner is None:
            return self._builder.read(self._source.place(node), name)
        if name not in owner.slots:
            raise self._source.fault(
                node, f"the function reads its own name {shown(name)} before it has a value; pass it in"
            )
        return owner.slots[name]

    def bind(self, node: ast.Name, slot: int) -> bool:
        """Gives a name its value; says whether it is a name of the program itself."""
        place = self._source.place(node)
        owner = self._owner(node.id)
        if owner is None:
            self._builder.bind(place, node.id, slot)
            return True
        owner.slots[node.id] = slot
        self._builder.bind_within(place, slot)
        return False

    def rebind(self, node: ast.stmt, slot: int, value: int) -> None:
        """Gives another value to each name that stands for that of a slot."""
        scope = self.scope
        while scope:
            for name, own in scope.slots.items():
                if own == slot:
                    scope.slots[name] = value
            scope = scope.outer
        for name in [name for name, other in self._builder.names.items() if other == slot]:
            self._builder.bind(self._source.place(node), name, value)

    def _owner(self, name: str) -> Scope | None:
        scope = self.scope
        while scope and name not in scope.own:
            scope = scope.outer
        return scope
