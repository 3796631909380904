"""The engine: runs programs under torch autograd. Pure: no network, queue, environment or clock.

Importing it loads torch and computes nothing, so that a process may import it and fork.
"""

from __future__ import annotations

from pullback.engine.configure import configure_torch
from pullback.engine.engine import Engine, engine_version
from pullback.engine.export.preloading import preload as preload_exporters

__all__ = ["Engine", "configure_torch", "engine_version", "preload_exporters"]
