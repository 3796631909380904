"""How a client's channel is set up."""

from __future__ import annotations

import json
from typing import Any

from pullback.contract.limits import MAX_MESSAGE_BYTES

#: Where a service is, unless told otherwise.
DEFAULT_ADDRESS = "localhost:50051"

# Milliseconds between pings on a connection with calls on it. The gateway permits one every 30 s; gRPC's
# servers drop a client that pings more often than they permit.
_KEEPALIVE_MS = 60_000

# Milliseconds for a ping's answer, after which the connection counts as broken.
_KEEPALIVE_TIMEOUT_MS = 10_000

# Milliseconds that a connection attempt may take, and between attempts. gRPC's own 20 s and up to 120 s
# would keep a restarted service unnoticed for longer than callers wait.
_CONNECT_MS = 5_000
_RECONNECT_FIRST_MS = 100
_RECONNECT_LAST_MS = 2_000

# One address: the same as gRPC's default. A name with an address for each gateway: all of them are used.
_SERVICE_CONFIG: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}

OPTIONS: tuple[tuple[str, str | int], ...] = (
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # We retry ourselves, under one request id: gRPC's retries stop at its buffer, which big tensors fill.
    ("grpc.enable_retries", 0),
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
    ("grpc.min_reconnect_backoff_ms", _CONNECT_MS),
    ("grpc.initial_reconnect_backoff_ms", _RECONNECT_FIRST_MS),
    ("grpc.max_reconnect_backoff_ms", _RECONNECT_LAST_MS),
)
