from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.acceptance.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running system that tests share and none of them breaks."""
    with System(tmp_path_factory.mktemp("system")) as running:
        yield running
