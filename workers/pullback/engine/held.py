"""Which memory a running evaluation holds, counted exactly and without holding any of it.

torch tells when a storage is gone: a weak reference to it expires. So a tensor that the program let go counts no
longer, and one that autograd saved for a backward pass still does, whatever an op saves and for how long.
What an op makes on its way and autograd saves is no value of the program's; it is counted by `Mark`, which lives as
long as the graph that holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

if TYPE_CHECKING:
    from pullback.contract.program.ir import Call

# The key of a `Mark` in the dictionary that each autograd node has for its users.
_MARK = "pullback"


class Mark:
    """What is known about the call that made an autograd node. The node owns it, and it dies with the node.

    Attributes:
        call: the call; None where it was no call of the program's.
        work: the work of the call.
        workspace: bytes that it took besides its result, and may take again in the backward pass.
        level: how many derivatives the node's value is one of, behind another.
    """

    def __init__(
        self,
        held: Held,
        call: Call | None,
        *,
        work: int = 0,
        workspace: int = 0,
        hidden: int = 0,
        level: int = 0,
    ) -> None:
        self.call = call
        self.work = work
        self.workspace = workspace
        self.level = level
        self._held = held
        self._hidden = hidden
        held.hidden += hidden

    def free(self) -> None:
        """Counts what autograd saved on the way no longer."""
        self._held.hidden -= self._hidden
        self._hidden = 0

    def __del__(self) -> None:
        self.free()


def set_mark(node: torch.autograd.graph.Node, mark: Mark) -> None:
    """Gives a node its mark, unless it has one."""
    _metadata(node).setdefault(_MARK, mark)


def get_mark(node: torch.autograd.graph.Node) -> Mark | None:
    """Gives a node's mark, if it has one."""
    mark = _metadata(node).get(_MARK)
    return mark if isinstance(mark, Mark) else None


def _metadata(node: torch.autograd.graph.Node) -> dict[object, object]:
    return cast("dict[object, object]", node.metadata)  # which torch's own annotation takes for a method


class Held:
    """The storages that were seen, and which of them are still there.

    Attributes:
        hidden: bytes that autograd holds and that no value of the program's shows.
        small: bytes of what was too small to be followed one by one; counted as held for good.
    """

    def __init__(self) -> None:
        self.hidden = 0
        self.small = 0
        self._storages: dict[int, int] = {}
        self._bytes = 0

    def add(self, tensor: torch.Tensor) -> None:
        """Counts a tensor's storage, unless it is counted already."""
        storage = tensor.untyped_storage()
        # The weak reference keeps the address from being used again, though not the memory that was there.
        if storage._cdata not in self._storages:  # noqa: SLF001 - the identity of a storage, which has no other name
            size = storage.nbytes()
            reference = cast("int", storage._weak_ref())  # noqa: SLF001 - as `torch.multiprocessing` does
            self._storages[reference] = size
            self._bytes += size

    def bound(self) -> int:
        """Bounds the bytes held at the moment, cheaply: what is gone may count still."""
        return self._bytes + self.hidden + self.small

    def bytes(self) -> int:
        """Counts the bytes held at the moment."""
        gone = [each for each in self._storages if torch.UntypedStorage._expired(each)]  # noqa: SLF001 - as above
        for each in gone:
            self._bytes -= self._storages.pop(each)
            _free(each)
        return self.bound()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Forgets all storages."""
        for each in self._storages:
            _free(each)
        self._storages.clear()
        self._bytes = 0


def _free(reference: int) -> None:
    torch.UntypedStorage._free_weak_ref(reference)  # type: ignore[no-untyped-call]  # noqa: SLF001 - as `torch.multiprocessing` does
