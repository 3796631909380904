from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING

import numpy as np
import onnx
import psutil
import pytest
import torch
import torch.export

from pullback.contract.lifecycle import Event
from pullback.contract.status import from_status
from pullback.contract.tensors import decode, encode
from pullback.evaluator import Evaluator, Isolator, Job, Template
from pullback.evaluator.errors import EvaluatorRetired
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """h = torch.tanh(x @ w)
y = F.layer_norm(h, [2]).softmax(-1)[h.argmax(0)] * torch.tensor([1.0, 2.0])"""


@pytest.fixture
def template() -> Iterator[Template]:
    """A template with torch and the engine, and no exporter yet."""
    with Template(device="cpu", worker="here") as template:
        yield template


def job(name: str, program: str, export: pb.ExportFormat = pb.EXPORT_FORMAT_UNSPECIFIED) -> Job:
    """A job of two float32 matrices, for its values."""
    inputs = {"x": np.linspace(-1, 1, 6, dtype=np.float32).reshape(2, 3), "w": np.ones((3, 2), np.float32)}
    evaluation = pb.Evaluation(
        program=program,
        value_only=pb.ValueOnly(),
        export=export,
        inputs={k: encode(v) for k, v in inputs.items()},
    )
    return Job(name, evaluation.SerializeToString(), 0, round(time.time() * 1_000) + 60_000)


def run(template: Template, *jobs: Job) -> list[gradient_pb2.EvaluateOutcome]:
    """Runs jobs as a drain does, and gives their outcomes in order."""
    with Isolator(lambda: Evaluator.connect(template.address)) as isolator:
        found = {each.job_id: each for some in isolator.run(jobs) for each in some}
    assert all(each.event in {Event.SUCCEED, Event.FAIL} for each in found.values())
    return [gradient_pb2.EvaluateOutcome.FromString(found[each.id].message) for each in jobs]


def test_a_confined_process_exports_in_memory(template: Template) -> None:
    """With no right to any file, an evaluator makes a model that ONNX's checker accepts, and an archive torch loads."""
    model, archive = run(
        template, job("a", PROGRAM, pb.EXPORT_FORMAT_ONNX), job("b", PROGRAM, pb.EXPORT_FORMAT_TORCH_EXPORT)
    )
    onnx.checker.check_model(onnx.load_model_from_string(model.result.artifact.data), full_check=True)
    again = torch.export.load(io.BytesIO(archive.result.artifact.data)).module()
    (value,) = again(torch.ones(3, 2), torch.linspace(-1, 1, 6).reshape(2, 3))
    np.testing.assert_array_equal(value.numpy(), decode(archive.result.values["y"]))


def test_the_exporters_are_loaded_by_the_first_export_and_not_before(template: Template) -> None:
    """Other jobs leave the template as small as it was; an export has it grow once, and keep its one thread."""
    process = psutil.Process(template.pid)
    before = process.memory_info().rss
    (plain,) = run(template, job("a", PROGRAM))
    assert plain.HasField("result")
    assert process.memory_info().rss - before < 2**23
    run(template, job("a", PROGRAM, pb.EXPORT_FORMAT_ONNX))
    grown = process.memory_info().rss
    assert grown - before > 2**24
    run(template, job("a", PROGRAM, pb.EXPORT_FORMAT_ONNX))
    assert process.memory_info().rss - grown < 2**23
    assert process.num_threads() == 1


def test_an_evaluator_that_lacks_the_exporters_computes_nothing_and_retires(template: Template) -> None:
    """The batch that found it so runs again, whole, in the next evaluator."""
    with Evaluator.connect(template.address) as evaluator, pytest.raises(EvaluatorRetired):
        evaluator.evaluate([job("a", PROGRAM, pb.EXPORT_FORMAT_ONNX), job("b", PROGRAM)], timeout=60)
    with Evaluator.connect(template.address) as evaluator:
        outcomes = evaluator.evaluate(
            [job("a", PROGRAM, pb.EXPORT_FORMAT_ONNX), job("b", PROGRAM)], timeout=60
        )
    assert [each.event for each in outcomes] == [Event.SUCCEED, Event.SUCCEED]


def test_an_export_leaves_its_process_as_it_was(template: Template) -> None:
    """Evaluators are kept after exports, good and bad ones: nothing of torch's settings has changed."""
    bad = "y = x[x > 0].sum()"
    jobs = [
        job("a", PROGRAM, pb.EXPORT_FORMAT_ONNX),
        job("b", PROGRAM, pb.EXPORT_FORMAT_TORCH_EXPORT),
        job("c", bad, pb.EXPORT_FORMAT_ONNX),
        job("d", "y = torch.special.airy_ai(x)", pb.EXPORT_FORMAT_ONNX),
    ]
    run(template, jobs[0])
    with Evaluator.connect(template.address) as evaluator:
        for batch in (*[[each] for each in jobs], jobs):
            assert [each.event for each in evaluator.evaluate(batch, timeout=60)] == [
                Event.SUCCEED if each.id in "ab" else Event.FAIL for each in batch
            ]
        assert evaluator.alive


def test_equal_evaluations_give_equal_bytes_in_every_process(template: Template) -> None:
    """The first export of a process, and one after others in another process, are the same file."""
    for form in (pb.EXPORT_FORMAT_ONNX, pb.EXPORT_FORMAT_TORCH_EXPORT):
        (first,) = run(template, job("a", PROGRAM, form))
        *_, last = run(
            template,
            job("b", "y = x.exp() + torch.tensor(2)", form),
            job("c", "y = x*0.5", form),
            job("a", PROGRAM, form),
        )
        assert first.result.artifact == last.result.artifact


def test_what_cannot_be_exported_is_told_with_its_place(template: Template) -> None:
    """The error of a confined process has the op, line and column too, though it can read no source file."""
    *outcomes, fine = run(
        template,
        job("a", "a = 2*x\ny = a[a > 0].sum()", pb.EXPORT_FORMAT_ONNX),
        job("b", "a = 2*x\ny = torch.special.airy_ai(a)", pb.EXPORT_FORMAT_ONNX),
        job("c", PROGRAM),
    )
    assert fine.HasField("result")
    for outcome, place in zip(outcomes, [("2", "5"), ("2", "5")], strict=True):
        error = from_status(outcome.error)
        assert error is not None
        assert (error.metadata["line"], error.metadata["column"]) == place
        assert "cannot be exported" in error.message
