"""How processes tell of themselves: metrics and probes over HTTP."""

from pullback.telemetry.endpoint import Endpoint
from pullback.telemetry.meters import made

__all__ = ["Endpoint", "made"]
