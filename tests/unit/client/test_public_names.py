from __future__ import annotations

from pullback import client
from pullback.contract import errors


def test_the_surface_is_sorted_and_there() -> None:
    """Every public name exists, in order, once: what is written in capitals, then classes, then the rest."""
    in_order = sorted(set(client.__all__), key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert client.__all__ == in_order
    assert all(name in vars(client) for name in client.__all__)


def test_every_error_can_be_caught_by_name() -> None:
    """The classes of the tree and its three bases are all exported."""
    expected = {cls.__name__ for cls in errors.TABLE} | {"PullbackError", "CallerError", "ServiceError"}
    assert expected <= set(client.__all__)
