"""An upgrade and the way back, with two versions side by side: the images of the commit before, and these."""

from __future__ import annotations

import itertools
import os
import threading
from typing import TYPE_CHECKING, Self

import pytest
from tests.images.pods import Pods, podman, says, until
from tests.manifests.rendering import documents

from pullback.client import Client
from pullback.contract.errors import PullbackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.manifests.documents import Pod

BEFORE = os.environ.get("PULLBACK_BEFORE", "")

pytestmark = pytest.mark.skipif(not BEFORE, reason="no images of another version; `make rolling` builds them")

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"


class Fleet:
    """Gateways and workers of both versions, over one Redis."""

    def __init__(self, pods: Pods, specs: dict[str, Pod]) -> None:
        self._pods = pods
        self._specs = specs
        self.gateways: list[str] = []
        self._containers: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        pods.play(specs["pullback-redis"], "pullback-redis")

    def start(self, part: str, name: str, tag: str = "") -> None:
        """Starts a gateway or a worker, and waits until it is ready."""
        container = self._containers[name] = self._pods.play(self._specs[part], name, tag=tag)
        self._tags[name] = tag
        until(lambda: says(container, "ready: "))
        if part == "pullback-gateway":
            self.gateways.append(name)

    def stop(self, name: str) -> None:
        """Stops one as Kubernetes does: callers go elsewhere first."""
        if name in self.gateways:
            self.gateways.remove(name)
        container = self._containers[name]
        podman("stop", "--time", "90", container)
        # Of those before, some did not end in time: that was their fault, and must not cost a job.
        assert self._tags[name] == BEFORE or self._pods.status_of(container) == 0

    def address(self) -> str:
        """Gives where a gateway is that takes calls."""
        return f"{self._pods.addresses[self.gateways[0]]}:50051"


class Load:
    """Submits jobs and makes calls until it is stopped, each under an id of its own, at whatever gateway there is."""

    def __init__(self, fleet: Fleet, run: str) -> None:
        self._fleet = fleet
        self._run = run
        self._stop = threading.Event()
        self.jobs: list[str] = []
        self.wrong: list[str] = []
        self.refused: list[str] = []
        self.calls = 0
        self._threads = [threading.Thread(target=each) for each in (self._submit, self._call)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _anyhow(self, call: Callable[[Client], object]) -> object:
        while True:
            try:
                with Client(self._fleet.address()) as client:
                    return call(client)
            except PullbackError as error:
                if self._stop.is_set():
                    raise
                # One that just went; another one is asked.
                self.refused.append(str(error))

    def _submit(self) -> None:
        for number in itertools.count():
            if self._stop.is_set():
                return
            name = f"{self._run}-{number}"
            self._anyhow(lambda client, name=name, number=number: client.jobs.submit(  # type: ignore[misc]
                QUARTIC, {"x": float(number % 100)}, job_id=name, labels={"run": self._run}
            ))  # fmt: skip
            self.jobs.append(name)

    def _call(self) -> None:
        for number in itertools.count():
            if self._stop.is_set():
                return
            x = float(number % 100)
            found = self._anyhow(lambda client, x=x: client.evaluate(QUARTIC, x=x).gradients["x"])  # type: ignore[misc]
            self.calls += 1
            if found != _gradient(x):
                self.wrong.append(f"{x}: {found}")


def _gradient(x: float) -> float:
    return 8 * x**3 + 3 * x**2 + 6 * x + 5


@pytest.fixture
def fleet(specs: dict[str, Pod], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Redis, with nothing else yet."""
    folder = tmp_path_factory.mktemp("rolling")
    for path in (folder, *folder.parents[:2]):
        path.chmod(0o755)
    try:
        yield Fleet(Pods(folder, documents("local")), specs)
    finally:
        podman("pod", "rm", "--force", "--all", status=None)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("order", ["gateways first", "workers first"])
@pytest.mark.parametrize("way", ["up", "back"])
def test_jobs_go_on_through_an_upgrade(fleet: Fleet, order: str, way: str) -> None:
    """Each part is replaced, one by one, while jobs are submitted and calls made: none is lost, and none is wrong."""
    old, new = (BEFORE, "") if way == "up" else ("", BEFORE)
    parts = [
        ("pullback-gateway", ["gateway-a", "gateway-b"]),
        ("pullback-worker-cpu", ["worker-a", "worker-b"]),
    ]
    for part, names in parts:
        for name in names:
            fleet.start(part, name, old)
    with Load(fleet, order.replace(" ", "-")) as load:
        until(lambda: len(load.jobs) > 20 and load.calls > 20)
        for part, names in parts if order == "gateways first" else parts[::-1]:
            for name in names:
                fleet.start(part, f"{name}-new", new)
                fleet.stop(name)
                seen = len(load.jobs), load.calls
                until(lambda seen=seen: len(load.jobs) > seen[0] + 10 and load.calls > seen[1] + 10)  # type: ignore[misc]
    assert load.wrong == []
    with Client(fleet.address()) as client:
        for name in load.jobs:
            number = int(name.rpartition("-")[2]) % 100
            assert client.jobs.future(name).result(60).gradients["x"] == _gradient(float(number)), name
    print(f"{order}, {way}: {len(load.jobs)} jobs, {load.calls} calls")
