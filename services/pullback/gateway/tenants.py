"""Whose call it is."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pullback.contract.errors import InvalidArgument
from pullback.contract.names import PUBLIC, tenant_tag
from pullback.gateway.checking import shown

if TYPE_CHECKING:
    import grpc

_NAME = re.compile(r"[A-Za-z0-9._:@/+\-]{1,128}", re.ASCII)

# Tenants whose tags are remembered.
TENANTS = 4_096


class Tenant(NamedTuple):
    """A tenant's name, and its tag, which stands for it where the name would be too long."""

    name: str
    tag: bytes


EVERYBODY = Tenant(PUBLIC, tenant_tag(PUBLIC))


class Tenants:
    """Tells from a call's metadata whose it is."""

    def __init__(self, header: str) -> None:
        """Makes what tells.

        Args:
            header: the key of the metadata that holds the tenant's name; empty where everybody is one tenant.
        """
        self._header = header
        self._named = lru_cache(TENANTS)(_named)

    def of(self, context: grpc.aio.ServicerContext[Any, Any]) -> Tenant:
        """Gives the tenant that a call belongs to.

        Raises:
            InvalidArgument: the name is missing, there more than once, or not of the form of one.
        """
        if not self._header:
            return EVERYBODY
        names = [value for key, value in context.invocation_metadata() or () if key == self._header]
        if len(names) != 1:
            found = "is missing" if not names else f"is there {len(names)} times"
            raise InvalidArgument(f"{found}, but tells whose call it is", field=f"metadata {self._header}")
        name = names[0]
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidArgument(
                f"'{shown(str(name))}' is not a tenant's name: 1 to 128 characters from A-Z a-z 0-9 . _ : @ / + -",
                field=f"metadata {self._header}",
            )
        return self._named(name)


def scoped(tenant: Tenant, request_id: str) -> str:
    """Gives the id of the job of an evaluation that is waited for: two tenants may choose the same request id."""
    return request_id if tenant is EVERYBODY else f"{tenant.tag.hex()}.{request_id}"


def _named(name: str) -> Tenant:
    return Tenant(name, tenant_tag(name))
