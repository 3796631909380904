"""The RPC of `DescentService` with its bytes, as `pullback.gateway.handlers` has those of `GradientService`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from pullback.gateway.handlers import reader
from pullback.v1 import descent_pb2 as pb

if TYPE_CHECKING:
    from pullback.gateway.descents.servicer import DescentServicer

SERVICE: str = pb.DESCRIPTOR.services_by_name["DescentService"].full_name


def handlers(servicer: DescentServicer) -> grpc.GenericRpcHandler:
    """Gives what a server needs to serve the RPC."""
    descend = grpc.unary_stream_rpc_method_handler(
        servicer.Descend, reader(pb.DescendRequest), pb.DescendResponse.SerializeToString
    )
    return grpc.method_handlers_generic_handler(SERVICE, {"Descend": descend})
