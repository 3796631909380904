"""`python -m pullback.evaluator`, run by `launch.Template`: a template with torch and the engine loaded."""

from __future__ import annotations

import gc
import logging
import sys
import warnings
from typing import TYPE_CHECKING

import torch
import torch._dynamo  # as below, for tensors without memory, which dry runs are made with
import torch._subclasses.schema_check_mode  # some operations load it when they first run: too late for an evaluator

from pullback.contract.allocator import keep_freed_memory
from pullback.engine import Engine, configure_torch, engine_version, preload_exporters
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
    is_ready = _exporters.is_tried
    return Compute(
        engine_version(),
        engine.evaluate_many,
        State().changes,
        lacks=lambda evaluation: not is_ready and bool(evaluation.export),
    )


class _Exporters:
    """What only exports need: loaded when the first one comes, for it takes seconds and 100 MiB."""

    def __init__(self) -> None:
        #: Whether evaluators have what there is. Where it could not be loaded, each export fails, and the log says why.
        self.is_tried = False

    def load(self) -> None:
        """Loads it into the template, for all evaluators to come."""
        if self.is_tried:
            return
        self.is_tried = True
        sys.dont_write_bytecode = True
        try:
            preload_exporters()
        except Exception:  # noqa: BLE001 - the template goes on without, whatever it was
            _log.exception("the exporters cannot be loaded; evaluations that ask for them will fail")
        # As when the template started.
        gc.collect()
        gc.freeze()


_log = logging.getLogger(__name__)
_exporters = _Exporters()


def main() -> None:
    """Runs the template."""
    warnings.simplefilter("ignore")  # torch warns about what tenants wrote, and nobody reads it here
    # Settings only, no operation, so it may come before the forks. It must: it loads modules for a second or more.
    configure_torch()
    keep_freed_memory()
    run(sys.argv[1:], _start, load=_exporters.load)


if __name__ == "__main__":
    main()
