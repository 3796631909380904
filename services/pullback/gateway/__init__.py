"""The gRPC server: checks evaluations, queues them, and answers when they are done."""

from pullback.gateway.server import serve
from pullback.gateway.settings import GatewaySettings

__all__ = ["GatewaySettings", "serve"]
