"""Loads what exporting loads when it first runs, which is too late for a process that may open no file.

Nothing here computes: a process with no thread beside its own stays one that may be forked.
"""

from __future__ import annotations

import contextlib
import importlib
import logging

# What torch and onnxscript import within functions. Found by looking at `sys.modules` before and after an export, which
# a test repeats. Another version of torch may lack some.
_MODULES = (
    "networkx",
    "onnxscript._framework_apis.torch_2_11",
    "onnxscript.function_libs.torch_lib.ops",
    "sympy.tensor.tensor",
    "torch._export.passes._node_metadata_hook",
    "torch._export.passes.replace_autocast_with_hop_pass",
    "torch._export.passes.replace_set_grad_with_hop_pass",
    "torch._export.passes.replace_with_hop_pass_util",
    "torch._export.serde.serialize",
    "torch._functorch._aot_autograd.graph_compile",
    "torch._functorch._aot_autograd.subclass_parametrization",
    "torch._inductor.compiler_bisector",
    "torch._inductor.fx_passes.dedupe_symint_uses",
    "torch._inductor.ir",
    "torch._inductor.sizevars",
    "torch.export._trace",
    "torch.export.pt2_archive._package",
    "torch.fx.experimental.validator",
    "torch.onnx._internal.exporter._capture_strategies",
    "torch.onnx._internal.exporter._compat",
    "torch.onnx._internal.exporter._core",
    "torch.onnx._internal.exporter._torchlib._torchlib_registry",
    "torch.onnx._internal.exporter._torchlib.ops",
    "torch.onnx._internal.exporter._verification",
)


def preload() -> None:
    """Loads the exporters, and all that they load later.

    Raises:
        ImportError: an exporter is not installed.
    """
    # It warns, for each export, of operators that torchvision would add.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    importlib.import_module("pullback.engine.export.loading")
    for name in _MODULES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    importlib.import_module("pullback.engine.export.onnx_model").translations()
