from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.images.pods import Pods, podman, says, until
from tests.manifests.documents import Documents
from tests.manifests.rendering import documents

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.manifests.documents import Pod


@pytest.fixture(scope="session")
def specs() -> dict[str, Pod]:
    """The pods of the overlay for one machine, and those of batches, by name."""
    found = {pod.name: pod for pod in documents("local").pods()}
    found |= {pod.name: pod for pod in documents("production").pods() if pod.owner["kind"] == "Job"}
    return found


@pytest.fixture(scope="module")
def pods(tmp_path_factory: pytest.TempPathFactory, specs: dict[str, Pod]) -> Iterator[Pods]:
    """Redis, a gateway and a worker, each in its pod."""
    folder = tmp_path_factory.mktemp("pods")
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)  # users of containers look into it
    batches = [
        each for each in documents("production").of("ConfigMap") if "batch" in each["metadata"]["name"]
    ]
    running = Pods(folder, Documents([*documents("local"), *batches]))
    try:
        running.play(specs["pullback-redis"], "pullback-redis")
        running.play(specs["pullback-gateway"], "pullback-gateway")
        worker = running.play(specs["pullback-worker-cpu"], "pullback-worker-cpu")
        until(lambda: says(worker, "worker ready"))
        yield running
    finally:
        podman("pod", "rm", "--force", "--all", status=None)
