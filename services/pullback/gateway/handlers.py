"""The RPCs with their bytes: what a message is read from and written to.

In place of the generated registration, for two reasons. Bytes that are no message reach the handler as `Garbled`, which
the boundary refuses as the caller's fault; gRPC's own answer is UNKNOWN, with a traceback in the log for each. And a
stream's outcomes are passed on as the bytes that the worker wrote, not parsed to be written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import DecodeError

from pullback.v1 import gradient_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.protobuf.message import Message

    from pullback.gateway.servicer import GradientServicer

SERVICE: str = pb.DESCRIPTOR.services_by_name["GradientService"].full_name


@dataclass(frozen=True, slots=True)
class Garbled:
    """Bytes that are no message of the kind that was expected; `kind` names it."""

    kind: str


def reader(kind: type[Message]) -> Callable[[bytes], Message | Garbled]:
    """Makes a function that reads a message of a kind from its bytes."""
    garbled = Garbled(kind.DESCRIPTOR.full_name)

    def read(data: bytes) -> Message | Garbled:
        try:
            return kind.FromString(data)
        except DecodeError:
            return garbled

    return read


def handlers(servicer: GradientServicer) -> grpc.GenericRpcHandler:
    """Gives what a server needs to serve the RPCs."""
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Evaluate": grpc.unary_unary_rpc_method_handler(
                servicer.Evaluate, reader(pb.EvaluateRequest), pb.EvaluateResponse.SerializeToString
            ),
            "EvaluateStream": grpc.stream_stream_rpc_method_handler(
                servicer.EvaluateStream, reader(pb.EvaluateStreamRequest), bytes
            ),
            "CheckProgram": grpc.unary_unary_rpc_method_handler(
                servicer.CheckProgram,
                reader(pb.CheckProgramRequest),
                pb.CheckProgramResponse.SerializeToString,
            ),
        },
    )
