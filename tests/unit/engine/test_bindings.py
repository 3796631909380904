"""The op table and its bindings to torch."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch

from pullback.contract.errors import ProgramError
from pullback.contract.program.ops import CHECKS, OPS
from pullback.engine.bindings import _GROUPS, BINDINGS
from pullback.engine.guards import GUARDS
from pullback.engine.sizes import ESTIMATES

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

# Names by which a key finds the object that it should be bound to, independently of the table.
_ROOTS = {"torch": torch, "Tensor": torch.Tensor}


def test_every_op_is_bound_and_nothing_else() -> None:
    """The table of the language and the table of the engine have the same keys."""
    assert BINDINGS.keys() == OPS.keys()


def test_no_key_is_bound_twice() -> None:
    """A second row would replace the first in silence."""
    assert sum(map(len, _GROUPS)) == len(BINDINGS)


def test_checks_belong_to_ops() -> None:
    """A check under a misspelt key would never run."""
    assert ESTIMATES.keys() <= OPS.keys()


def test_every_check_that_the_table_names_is_there_and_no_other() -> None:
    """The names of the checks and their implementations are two tables with the same keys, and each has its use."""
    assert GUARDS.keys() == CHECKS.keys() == {name for op in OPS.values() for name in op.checks}


def test_a_function_is_bound_to_its_namesake() -> None:
    """No row names another function than its key does."""
    own = {
        "torch.tensor",
        "torch.as_tensor",
        "torch.vander",
        "Tensor.item",
        "Tensor.new_tensor",
        "Tensor.grad.zero_",
        "Tensor.grad.clear",
    }
    own |= {key for key in OPS if "dropout" in key or key.endswith(("gumbel_softmax", "manual_seed"))}
    for key, op in OPS.items():
        root, *path = key.split(".")
        if root not in _ROOTS or op.kind == "attribute" or key in own:
            continue
        found = _ROOTS[root]
        for name in path:
            found = getattr(found, name)
        assert BINDINGS[key] is found or BINDINGS[key] == found, key


def test_what_torch_refuses_to_compute_without_determinism_is_marked() -> None:
    """Each function that torch's own page lists as refused, where the table has it."""
    page = torch.use_deterministic_algorithms.__doc__ or ""
    refused = (
        page.partition("will throw a")[2].partition("In addition")[0].partition("will throw a")[2] or page
    )
    names = {name.rstrip("_") for name in re.findall(r":func:`torch\.(?:[\w.]*\.)?(\w+)`", refused)}
    names -= {"resize"}
    assert {"histc", "cumsum", "grid_sample"} <= names
    marked = {key.rpartition(".")[2] for key, op in OPS.items() if not op.deterministic}
    assert names <= marked
    assert all("torch." + name not in OPS or not OPS["torch." + name].deterministic for name in names)


def test_importing_the_engine_computes_nothing() -> None:
    """A process may import the engine and fork: no operation has run, and no thread was started."""
    script = """
import torch
from torch.utils._python_dispatch import TorchDispatchMode
class Refuse(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise SystemExit(f"{func} was called")
with Refuse():
    import pullback.engine
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("y = torch.sum(5)", "not the int 5"),
        ("y = x.sum(dim=1.5)", "not the float 1.5"),
        ("y = x.reshape(x)", "not float32[2]"),
        ("y = torch.stack([x, 2])", "not a list of 2"),
        ("a = (1, 2)\ny = a * 2", "not a tuple of 2"),
        ("y = x + None", "not None"),
        ("y = x[1.5]", "the float 1.5"),
        ("a = (1, 2)\ny = a[x]", "float32[2]"),
        ("a, b, c = x", "cannot be unpacked into 3 names"),
        ("a, b = (1, 2, 3)", "3"),
        ("y = torch.tensor([x, x])", "torch.stack"),
        ("y = torch.tensor([[1, 2], [3]])", "torch.tensor"),
        ("a = 2\ny = x @ a", "`b` takes a tensor, not the int 2"),
        ("y = x.max(dim=0).eigenvalues", "no field"),
        ("y = x.select(0, 2**40)", "beyond any size"),
        ("k = x.dim() + 64\ny = torch.eye(2).matrix_power(k)", "`n` is from -64 to 64, not 65"),
        ("k = x.dim() - 1\ny = F.avg_pool1d(x, k)", "`kernel_size` is from 1 to 4,096, not 0"),
    ],
)
def test_operands_of_the_wrong_kind_are_refused_in_words(lab: Lab, program: str, words: str) -> None:
    """The error says what was found."""
    error = lab.refusal(lab.build(program, {"x": torch.ones(2)}, value_only=True))
    assert isinstance(error, ProgramError)
    assert words in error.message, error.message
