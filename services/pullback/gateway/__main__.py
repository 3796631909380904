"""``python -m pullback.gateway``: one gateway process, set up by ``PULLBACK_*`` variables."""

from __future__ import annotations

import asyncio
import logging
import sys

import uvloop
from pydantic import ValidationError

from pullback.gateway.server import serve
from pullback.gateway.settings import GatewaySettings


def main() -> int:
    """Runs a gateway; says on standard output when it is ready."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = GatewaySettings()
    except ValidationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the process's own voice, before it has a log
        return 2
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, _ready))
    return 0


def _ready(address: str) -> None:
    print(f"pullback gateway ready: {address}", flush=True)  # noqa: T201 - whoever started us waits for this line


if __name__ == "__main__":
    sys.exit(main())
