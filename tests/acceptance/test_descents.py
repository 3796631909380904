"""Descents over gRPC, with running processes: known answers, kills, cuts, and the page about them."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from tests.acceptance.system import System
from tests.acceptance.test_kills import (
    kill_evaluator,
    kill_gateway,
    kill_redis,
    kill_template,
    kill_worker,
    kill_worker_child,
)
from typer.testing import CliRunner

from pullback.cli.app import app
from pullback.client import (
    LBFGS,
    SGD,
    Adam,
    AsyncClient,
    Cancelled,
    Client,
    CosineAnnealingLR,
    Descended,
    Descent,
    DescentState,
    InvalidArgument,
    LimitExceeded,
    MiniBatches,
    ProgramError,
)
from pullback.v1 import descent_pb2 as pb
from pullback.v1.descent_pb2_grpc import DescentServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = Path(__file__).parents[2].joinpath("docs/descents.md").read_text()
QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"
ROSENBROCK = "y = 100*(x[1] - x[0]**2)**2 + (1 - x[0])**2"
LOGISTIC = """
score = X @ w + b
loss = F.softplus(score).sum() - (labels * score).sum() + 0.5 * (w**2).sum()
"""
START = np.asarray([-1.2, 1.0])

# Long enough to be hit in the middle: some legs.
LONG = 20_000


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of this module's own, whose parts are killed."""
    with System(tmp_path_factory.mktemp("victim"), workers=2) as running:
        yield running


@pytest.fixture(scope="module")
def unbroken(system: System) -> Descended:
    """What Adam comes to in the valley where nothing is killed and nobody leaves."""
    with Client(system.address) as client:
        return _adam(client).result()


def test_the_pages_examples_for_python_hold(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They print what the page says."""
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {"address": system.address}
    for code, printed in re.findall(r"```python\n(.+?)```\n\n```text\n(.+?)```", PAGE, re.DOTALL):
        exec(compile(code, "docs/descents.md", "exec"), scope)  # noqa: S102 - our own page
        assert capsys.readouterr().out == printed


def test_the_pages_examples_for_the_shell_hold(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands print what the page says, one after the other, and leave their files."""
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```console\n\$ pullback (.+?[^\\])\n([^`]*)```", PAGE, re.DOTALL)
    assert examples
    for command, printed in examples:
        words = shlex.split(command.replace("\\\n", " "))
        result = CliRunner().invoke(app, [*words, "--address", system.address])
        assert (result.exit_code, result.stdout) == (0, printed)
    assert Path("valley.png").read_bytes().startswith(b"\x89PNG")


def test_rosenbrocks_valley_is_gone_down_to_its_end(system: System) -> None:
    """From (-1.2, 1) to (1, 1), to 1e-8, by L-BFGS."""
    with Client(system.address) as client:
        optimizer = LBFGS(line_search_fn="strong_wolfe", tolerance_grad=1e-12, tolerance_change=0)
        descended = client.descend(ROSENBROCK, x=START, optimizer=optimizer, steps=100).result()
    assert np.abs(descended.parameters["x"] - 1).max() < 1e-8
    assert descended.loss < 1e-16
    assert descended.reason == "stalled"


def test_a_logistic_regression_ends_where_scikit_learns_does(system: System) -> None:
    """On its breast cancer data, standardised: the same loss to 1e-9 and the same weights."""
    data, labels = load_breast_cancer(return_X_y=True)
    data = (data - data.mean(axis=0)) / data.std(axis=0)
    labels = labels.astype(np.float64)
    theirs = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(data, labels)
    score = data @ theirs.coef_[0] + theirs.intercept_[0]
    loss = np.logaddexp(0, score).sum() - (labels * score).sum() + 0.5 * (theirs.coef_[0] ** 2).sum()
    with Client(system.address) as client:
        descended = client.descend(
            LOGISTIC,
            {"X": data, "labels": labels, "w": np.zeros(30), "b": np.float64(0)},
            wrt=("w", "b"),
            optimizer=LBFGS(line_search_fn="strong_wolfe", tolerance_grad=1e-10, tolerance_change=1e-14),
            steps=50,
        ).result()
    assert abs(descended.loss - loss) < 1e-9 * loss
    np.testing.assert_allclose(descended.parameters["w"], theirs.coef_[0], rtol=0, atol=1e-4)


def test_the_notebooks_polynomial_goes_down_as_by_hand(system: System) -> None:
    """Every step of plain gradient descent has the loss and the number of a loop with torch, to the last bit."""
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    expected = []
    for _ in range(1_001):
        y = 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1
        expected.append((y.item(), x.item()))
        y.backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        with torch.no_grad():
            x.add_(x.grad, alpha=-1e-3)
        x.grad = None
    with Client(system.address) as client:
        descent = client.descend(
            QUARTIC, x=np.float64(2), optimizer=SGD(lr=1e-3), steps=1_000, interval=1, watch="x"
        )
        assert [(point.loss, point.parameters["x"].item()) for point in descent] == expected


def _adam(client: Client, state: DescentState | None = None) -> Descent:
    return client.descend(
        ROSENBROCK,
        x=START,
        optimizer=Adam(lr=1e-3),
        schedule=CosineAnnealingLR(1_000, 1e-5),
        steps=LONG,
        state=state,
    )


def _reach(descent: Descent, step: int) -> DescentState:
    """Follows a descent until a step, which is not its last."""
    for _ in descent.news():
        if descent.state is not None and descent.state.step > step:
            break
    assert descent.state is not None
    assert step < descent.state.step < LONG
    return descent.state


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "kill",
    [kill_evaluator, kill_template, kill_worker_child, kill_worker, kill_gateway, kill_redis],
)
def test_a_descent_outlives_every_part(
    victim: System, unbroken: Descended, kill: Callable[[System], None]
) -> None:
    """SIGKILL in the middle: the same points, and the same bytes at the end, as without."""
    with Client(victim.address) as client:
        descent = _adam(client)
        _reach(descent, LONG // 8)
        kill(victim)
        descended = descent.result()
    assert descended.points == unbroken.points
    assert descended.state.message == unbroken.state.message


def test_what_is_gone_on_with_has_the_bytes_of_what_was_never_left(
    system: System, unbroken: Descended, tmp_path: Path
) -> None:
    """Cancelled on the way, kept in a file, and gone on with by another client."""
    with Client(system.address) as client, _adam(client) as begun:
        _reach(begun, LONG // 8).save(tmp_path / "state")
    with pytest.raises(Cancelled):
        begun.result()
    with Client(system.address) as client:
        state = DescentState.load(tmp_path / "state")
        ended = _adam(client, state).result()
    assert ended.state.message == unbroken.state.message
    assert ended.points == tuple(point for point in unbroken.points if point.step >= state.step)


def test_mini_batches_reach_the_whole_minimum(system: System) -> None:
    """Least squares whose rows agree: every mini-batch has the same least point."""
    rows = np.random.default_rng(0).normal(size=(64, 3))
    goal = np.asarray([1.0, -2.0, 0.5])
    with Client(system.address) as client:
        descended = client.descend(
            "loss = ((rows @ w - target)**2).mean()",
            {"rows": rows, "target": rows @ goal, "w": np.zeros(3)},
            wrt="w",
            optimizer=SGD(lr=0.05, momentum=0.9),
            batches=MiniBatches(inputs=("rows", "target"), size=10, seed=3),
            steps=2_000,
        ).result()
    np.testing.assert_allclose(descended.parameters["w"], goal, atol=1e-9)


def test_a_state_of_megabytes_comes_too(system: System) -> None:
    """Four megabytes of parameters, and twice that in what Adam keeps; the state comes before the outcome."""
    goal = np.linspace(-1, 1, 2**19)
    with Client(system.address) as client:
        descended = client.descend(
            "y = ((x - goal)**2).sum()",
            {"goal": goal, "x": np.zeros(2**19)},
            wrt="x",
            optimizer=Adam(lr=0.1),
            steps=10,
        ).result()
    assert descended.state.step == descended.steps == 10
    assert descended.loss < 1e5
    assert sum(len(each.data) for each in descended.state.message.tensors.values()) > 2 * 2**22


def test_time_ends_a_descent(system: System) -> None:
    """With a point and a result, and a state to go on from."""
    with Client(system.address) as client:
        descended = client.descend(QUARTIC, x=2.0, optimizer="sgd", steps=10**7, seconds=0.5).result()
    assert descended.reason == "time"
    assert descended.points[-1].step == descended.state.step == descended.steps < 10**7
    assert descended.evaluated.value == np.float32(descended.loss)


async def test_others_are_answered_while_descents_run(system: System) -> None:
    """Four descents on two slots: evaluations have their turn in between, and cancelled descents end."""
    async with AsyncClient(system.address) as client:
        descents = [client.descend(QUARTIC, x=2.0, optimizer="sgd", steps=10**7) for _ in range(4)]
        news = [descent.news() for descent in descents]
        for each in news:
            await anext(aiter(each))
        found = await asyncio.gather(*(client.evaluate("y = x**2", x=float(n)) for n in range(20)))
        assert [each.value.item() for each in found] == [n**2 for n in range(20)]
        for descent in descents:
            descent.cancel()
            with pytest.raises(Cancelled):
                await descent.result()


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"optimizer": SGD(lr=-1.0)}, "plan.optimizer.sgd.learning_rate"),
        ({"optimizer": "sgd", "wrt": "z"}, "wrt[0]"),
        ({"optimizer": "sgd", "bounds": {"x": (3, 2)}}, 'plan.bounds["x"].upper'),
        ({"optimizer": "sgd", "watch": "z"}, "plan.watched[0]"),
        ({"optimizer": "sgd", "batches": MiniBatches(inputs="x", size=3)}, "plan.mini_batches.inputs[0]"),
    ],
)
def test_what_is_wrong_is_refused_at_the_door(system: System, options: dict[str, Any], field: str) -> None:
    """The field is named, and nothing is queued."""
    with Client(system.address) as client, pytest.raises(InvalidArgument) as caught:
        client.descend(QUARTIC, x=2.0, steps=10, **options).result()
    assert caught.value.field == field


def test_faults_of_the_program_come_as_in_an_evaluation(system: System) -> None:
    """Where it is wrong, where a step fails, and where it is too long."""
    with Client(system.address) as client:
        with pytest.raises(ProgramError, match="line 1, column"):
            client.descend("y = x +", x=2.0, optimizer="sgd", steps=10).result()
        with pytest.raises(ProgramError, match="line 1, column"):
            client.descend("y = x @ x", x=2.0, optimizer="sgd", steps=10).result()
        with pytest.raises(LimitExceeded, match="steps"):
            client.descend(QUARTIC, x=2.0, optimizer="sgd", steps=10**9).result()


def test_a_leg_is_the_services_own(system: System) -> None:
    """An evaluation that carries one is refused."""
    with Client(system.address) as client:
        request = pb.DescendRequest()
        request.evaluation.program = QUARTIC
        request.evaluation.descent_leg.steps = 1
        with grpc.insecure_channel(system.address) as channel:
            call = DescentServiceStub(channel).Descend(request)  # type: ignore[no-untyped-call]
            with pytest.raises(grpc.RpcError) as caught:
                list(call)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "descent_leg" in str(caught.value.details())
        assert client.evaluate(QUARTIC, x=2.0).value == 63


def test_the_command_goes_on_from_its_own_file(system: System, tmp_path: Path) -> None:
    """As many steps in two commands as in one: the same object, but for the moments that the first one had."""
    runner = CliRunner()

    def descend(steps: int, *more: str) -> dict[str, Any]:
        words = ["descend", ROSENBROCK, "x:float64=[-1.2,1]", "--optimizer", "adam,lr=0.01", "--json"]
        result = runner.invoke(app, [*words, "--steps", str(steps), *more, "--address", system.address])
        assert result.exit_code == 0, result.output
        found: dict[str, Any] = json.loads(result.stdout)
        return found

    file = str(tmp_path / "state")
    first = descend(500, "--state", file, "--interval", "20")
    second = descend(1_000, "--resume", file, "--interval", "20")
    whole = descend(1_000, "--interval", "20")
    assert first["points"][:-1] + second["points"] == whole["points"]
    assert {**second, "points": []} == {**whole, "points": []}
