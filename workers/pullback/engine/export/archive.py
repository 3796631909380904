"""A traced program as an archive of `torch.export`: a `.pt2` file, made in memory."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import torch
import torch.export

from pullback.engine.export.trace import release
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from pullback.engine.export.trace import Trace
    from pullback.engine.interpret import Code

#: The file within the archive that says which tensor is which: names are data there, and nowhere else.
NAMES_FILE = "pullback.json"


def write_archive(code: Code, traced: Trace) -> evaluation_pb2.Artifact:
    """Writes the archive.

    The tensors that it was traced with are left out: they are the tenant's, and nothing needs them.
    """
    del code
    exported = traced.exported
    traced.tidy()
    exported.example_inputs = None
    names = json.dumps({"inputs": traced.inputs, "outputs": traced.outputs})
    buffer = io.BytesIO()
    torch.export.save(exported, buffer, extra_files={NAMES_FILE: names})
    return evaluation_pb2.Artifact(
        format=evaluation_pb2.EXPORT_FORMAT_TORCH_EXPORT,
        data=buffer.getvalue(),
        versions={"torch": release(torch.__version__)},
        inputs=traced.inputs,
        outputs=traced.outputs,
    )
