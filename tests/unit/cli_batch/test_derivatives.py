from __future__ import annotations

import pytest
from tests.unit.cli_batch.reading import jobs_of

from pullback.cli.batch import BatchError
from pullback.contract.tensors import decode
from pullback.v1 import evaluation_pb2 as pb

pytestmark = pytest.mark.usefixtures("folder")

HEAD = "program: y = x**2\ninputs: {x: [1, 2]}\n"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", None),
        ("derivative: gradient", "gradient"),
        ("derivative: jacobian", "jacobian"),
        ("derivative: jacobian\nmode: auto", "jacobian"),
        ("derivative: hessian", "hessian"),
        ("derivative: laplacian", "laplacian"),
        ("derivative: nth-derivative\norder: 3", "nth_derivative"),
        ("derivative: jvp\ntangents: {x: [1, 0]}", "jvp"),
        ("derivative: hessian-vector-product\ntangents: {x: [1, 0]}", "hessian_vector_product"),
        ("value_only: true", "value_only"),
    ],
)
def test_a_file_says_which_derivative(said: str, expected: str | None) -> None:
    """Each kind by the word that the command line has for it."""
    (job,) = jobs_of(HEAD + said)
    assert job.evaluation.WhichOneof("derivative") == expected


def test_all_that_goes_with_a_derivative_is_said() -> None:
    """Mode, order, directions, stacks, rows, checks and graphs reach the evaluation."""
    (job,) = jobs_of(
        HEAD + "derivative: jacobian\nmode: forward\nbatched_inputs: x\ncheck_gradient: true\n"
        "detect_anomaly: true\nreturn_program_graph: true\n"
    )
    asked = job.evaluation
    assert asked.jacobian.mode == pb.Jacobian.MODE_FORWARD
    assert (list(asked.batched_inputs), asked.check_gradient) == (["x"], True)
    assert (asked.detect_anomaly, asked.return_program_graph, asked.stacked) == (True, True, False)
    (job,) = jobs_of(
        HEAD + "derivative: jvp\nstacked: true\ntangents: {x: {value: [[1, 0], [0, 1]], dtype: float64}}\n"
    )
    assert job.evaluation.stacked
    assert decode(job.evaluation.tangents["x"]).tolist() == [[1, 0], [0, 1]]


def test_an_entry_goes_before_the_top() -> None:
    """What the top says of derivatives holds for entries that say nothing of them."""
    first, second = jobs_of(HEAD + "derivative: hessian\njobs:\n  - {}\n  - {derivative: jacobian}\n")
    assert first.evaluation.WhichOneof("derivative") == "hessian"
    assert second.evaluation.WhichOneof("derivative") == "jacobian"


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("derivative: hessian\nvalue_only: true", "derivative: is asked for, and so is value_only"),
        ("mode: forward", "mode: goes with derivative: jacobian"),
        ("order: 2", "order: goes with derivative: nth-derivative"),
        ("derivative: nth-derivative", "derivative: wants its order beside it"),
        ("derivative: jvp", "derivative: wants tangents beside it"),
        ("tangents: {x: [1, 0]}", "tangents: go with derivative: jvp or hessian-vector-product"),
        ("batched_inputs: w", "batched_inputs: w is not among the inputs: x"),
        ("derivative: slope", "derivative: 'slope' is none of gradient, jvp"),
        ("derivative: nth-derivative\norder: 0", "order: "),
    ],
)
def test_what_does_not_go_together_is_told_where_it_was_said(said: str, fault: str) -> None:
    """With the line and the field."""
    with pytest.raises(BatchError) as caught:
        jobs_of(HEAD + said)
    assert fault in str(caught.value)
    assert "b.yaml:3" in str(caught.value) or "b.yaml:4" in str(caught.value)
