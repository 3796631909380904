"""`python -m pullback.evaluator`, run by `launch.Template`: a template with torch and the engine loaded."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING

import torch
import torch._dynamo  # as below, for tensors without memory, which dry runs are made with
import torch._subclasses.schema_check_mode  # some operations load it when they first run: too late for an evaluator

from pullback.contract.allocator import keep_freed_memory
from pullback.engine import Engine, configure_torch, engine_version
from pullback.evaluator.serve import Compute
from pullback.evaluator.state import State
from pullback.evaluator.template import run

if TYPE_CHECKING:
    from pullback.evaluator.options import Options


def _start(options: Options) -> Compute:
    if options.device == "cuda":
        # Has the driver started now, so that a device that is not there is found before any job is.
        torch.cuda.synchronize()
    engine = Engine(device=options.device, worker=options.worker, limits=options.limits)
    return Compute(engine_version(), engine.evaluate_many, State().changes)


def main() -> None:
    """Runs the template."""
    warnings.simplefilter("ignore")  # torch warns about what tenants wrote, and nobody reads it here
    # Settings only, no operation, so it may come before the forks. It must: it loads modules for a second or more.
    configure_torch()
    keep_freed_memory()
    run(sys.argv[1:], _start)


if __name__ == "__main__":
    main()
