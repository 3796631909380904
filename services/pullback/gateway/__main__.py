"""``python -m pullback.gateway``: one gateway process, set up by ``PULLBACK_*`` variables."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys

import uvloop
from pydantic import ValidationError

from pullback.contract.allocator import keep_freed_memory
from pullback.contract.errors import InvalidArgument
from pullback.contract.settings import explain
from pullback.gateway.boundary import GRPC_LOGGER, is_worth_a_line
from pullback.gateway.server import serve
from pullback.gateway.settings import GatewaySettings

# Objects allocated beyond those freed, after which young garbage is collected. Python's 700 would collect several times
# for each message of some hundred evaluations, and find nothing.
COLLECT_AFTER = 50_000


def main() -> int:
    """Runs a gateway; says on standard output when it is ready."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger(GRPC_LOGGER).addFilter(is_worth_a_line)
    try:
        settings = GatewaySettings()
    except ValidationError as error:
        return _refuse(explain(error), 2)
    # What is loaded by now stays; the rest is mostly short-lived messages, which need no collector to be freed.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    keep_freed_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(serve(settings, _ready))
        except InvalidArgument as error:
            return _refuse(str(error), 1)
    return 0


def _refuse(reason: str, status: int) -> int:
    print(reason, file=sys.stderr)  # noqa: T201 - the process's own voice, where there is no call to answer
    return status


def _ready(address: str) -> None:
    print(f"pullback gateway ready: {address}", flush=True)  # noqa: T201 - whoever started us waits for this line


if __name__ == "__main__":
    sys.exit(main())
