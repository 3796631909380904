from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from pathlib import Path

#: Pinned exactly where they are asked for: their inner workings are relied on, and guarded by tests.
EXACT = {"celery", "kombu", "redis", "grpcio-tools"}

#: The oldest that is served, and the one that runs this: what either needs is pinned.
PYTHONS: list[dict[str, str]] = [{"python_version": "3.11", "python_full_version": "3.11.0"}, {}]


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, list[Requirement]]:
    """What pyproject.toml asks for, by the name of the list that asks."""
    read = tomllib.loads(root.joinpath("pyproject.toml").read_text())
    lists = {
        "build": read["build-system"]["requires"],
        "base": read["project"]["dependencies"],
        **read["project"]["optional-dependencies"],
        **read["dependency-groups"],
    }
    return {name: [Requirement(text) for text in texts] for name, texts in lists.items()}


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    """The versions of constraints.txt, by canonical name."""
    lines = [line for line in root.joinpath("constraints.txt").read_text().splitlines() if line[:1] != "#"]
    split = [line.split("==") for line in lines]
    assert all(len(parts) == 2 for parts in split)
    return {canonicalize_name(name): version for name, version in split}


def test_every_dependency_is_pinned_to_a_version_it_allows(
    project: dict[str, list[Requirement]], pins: dict[str, str]
) -> None:
    """constraints.txt has a version for whatever pyproject.toml asks for, within its range."""
    wanted = [item for items in project.values() for item in items if item.name != "pullback"]
    assert [str(item) for item in wanted if canonicalize_name(item.name) not in pins] == []
    assert [str(item) for item in wanted if pins[canonicalize_name(item.name)] not in item.specifier] == []


def test_what_the_dependencies_need_is_pinned_too(
    project: dict[str, list[Requirement]], pins: dict[str, str]
) -> None:
    """No package comes in, however far down, without a version in constraints.txt."""
    # What only `make fuzz` needs is not installed here.
    lists = [items for name, items in project.items() if name != "fuzz"]
    asked = [item for items in lists for item in items if item.name != "pullback"]
    seen: set[tuple[str, frozenset[str]]] = set()
    unpinned: set[str] = set()
    while asked:
        item = asked.pop()
        name, extras = canonicalize_name(item.name), frozenset(item.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in pins:
            unpinned.add(name)
            continue
        try:
            needs = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:  # another Python needs it, and this one does not have it
            continue
        asked += [
            need
            for need in needs
            if need.marker is None
            or any(
                need.marker.evaluate({**python, "extra": extra})
                for python in PYTHONS
                for extra in {"", *extras}
            )
        ]
    # torch names its CUDA packages for every Linux; which of them come depends on the build that was installed.
    assert {name for name in unpinned if not re.match(r"nvidia-|cuda-|triton$|setuptools$", name)} == set()


def test_torch_is_pinned_without_a_build_tag(root: Path) -> None:
    """One spelling serves the CPU build and the CUDA build."""
    assert re.search(r"^torch==[0-9.]+$", root.joinpath("constraints.txt").read_text(), re.MULTILINE)


def test_what_must_not_move_is_exact_and_the_rest_is_a_range(project: dict[str, list[Requirement]]) -> None:
    """Only packages whose inner workings are relied on are pinned in pyproject.toml."""
    exact = {item.name for items in project.values() for item in items if "==" in str(item.specifier)}
    assert exact == EXACT
