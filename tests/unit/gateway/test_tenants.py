from __future__ import annotations

from typing import Any

import pytest

from pullback.contract.errors import InvalidArgument
from pullback.contract.names import PUBLIC, tenant_tag
from pullback.gateway.tenants import EVERYBODY, Tenants, scoped


class Context:
    """A call with some metadata."""

    def __init__(self, *metadata: tuple[str, str | bytes]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> Any:
        """Gives what came with the call."""
        return self._metadata


def of(header: str, *metadata: tuple[str, str | bytes]) -> Any:
    """Asks whose a call with such metadata is."""
    return Tenants(header).of(Context(*metadata))  # type: ignore[arg-type]  # a stand-in


def test_without_a_header_everybody_is_one_tenant() -> None:
    """Whatever a caller sends, it does not make somebody else of it."""
    assert of("", ("x-tenant", "acme")) is EVERYBODY
    assert (PUBLIC, tenant_tag(PUBLIC)) == EVERYBODY


def test_the_header_names_the_tenant() -> None:
    """The name is as given, and two names have two tags."""
    acme, other = of("x-tenant", ("a", "b"), ("x-tenant", "acme")), of("x-tenant", ("x-tenant", "Acme"))
    assert acme == ("acme", tenant_tag("acme"))
    assert acme.tag != other.tag


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ((), "is missing"),
        ((("x-other", "acme"),), "is missing"),
        ((("x-tenant", "acme"), ("x-tenant", "acme")), "is there 2 times"),
        ((("x-tenant", ""),), "'' is not a tenant's name"),
        ((("x-tenant", "a b"),), "'a b' is not a tenant's name"),
        ((("x-tenant", "x" * 129),), "is not a tenant's name"),
        ((("x-tenant", b"acme"),), "is not a tenant's name"),
    ],
)
def test_a_call_that_does_not_say_whose_it_is_is_refused(
    metadata: tuple[tuple[str, str | bytes], ...], found: str
) -> None:
    """Nobody becomes a tenant by leaving the name out, or by giving two for a proxy to choose from."""
    with pytest.raises(InvalidArgument, match=found) as caught:
        of("x-tenant", *metadata)
    assert caught.value.field == "metadata x-tenant"


def test_tenants_may_choose_the_same_request_id() -> None:
    """Their jobs are two, and no id of one tenant's is another's."""
    acme, other = (of("x-tenant", ("x-tenant", name)) for name in ("acme", "other"))
    assert scoped(EVERYBODY, "1") == "1"
    assert len({scoped(acme, "1"), scoped(other, "1"), "1"}) == 3
