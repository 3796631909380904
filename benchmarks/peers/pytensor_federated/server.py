"""Serves the polynomial with pytensor-federated's own service: `server.py PORT torch|closed`."""

from __future__ import annotations

import asyncio
import sys

import grpclib.server  # type: ignore[import-not-found]
import numpy as np
from pytensor_federated import ArraysToArraysService  # type: ignore[import-not-found]

from benchmarks.peers.computing import by_name


async def serve(port: int, compute: str) -> None:
    """Serves until the process is stopped."""
    evaluate = by_name(compute)

    def value_and_gradient(x: np.ndarray) -> list[np.ndarray]:
        value, gradient = evaluate(x.item())
        return [np.array(value), np.array(gradient)]

    server = grpclib.server.Server([ArraysToArraysService(value_and_gradient)])
    await server.start("127.0.0.1", port)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
