"""The compose file: its services are hardened, agree with the settings, and are of this version."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from pullback.gateway.settings import GatewaySettings
from pullback.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_settings import BaseSettings


@pytest.fixture(scope="module")
def services(root: Path) -> dict[str, Any]:
    """The services, by name."""
    found: dict[str, Any] = yaml.safe_load(root.joinpath("compose.yaml").read_text())["services"]
    return found


def test_every_service_is_hardened_and_bounded(services: dict[str, Any]) -> None:
    """None writes its image, has a capability, gains rights, or takes all memory."""
    assert set(services) == {"redis", "gateway", "worker"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name


def test_only_the_gateway_is_reached_from_outside_and_on_loopback(services: dict[str, Any]) -> None:
    """Redis has no password here: nobody else reaches it."""
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "gateway": ["127.0.0.1:50051:50051"]
    }


@pytest.mark.parametrize(("name", "model"), [("gateway", GatewaySettings), ("worker", WorkerSettings)])
def test_settings_are_known_and_accepted(
    services: dict[str, Any], monkeypatch: pytest.MonkeyPatch, name: str, model: type[BaseSettings]
) -> None:
    """Every variable is one of the process, and its value is taken."""
    given = services[name]["environment"]
    assert {key.removeprefix("PULLBACK_").lower() for key in given} <= set(model.model_fields)
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    settings = model()
    if isinstance(settings, GatewaySettings):
        assert _seconds(services[name]["stop_grace_period"]) >= settings.stop_grace_seconds + 10
    assert isinstance(settings, WorkerSettings) is (name == "worker")


def test_a_worker_has_the_time_of_the_longest_evaluation(services: dict[str, Any]) -> None:
    """And the lease of a drain."""
    longest, lease = GatewaySettings().max_timeout_seconds, WorkerSettings().lease_seconds
    assert _seconds(services["worker"]["stop_grace_period"]) >= longest + lease


def test_images_are_of_this_version_and_can_be_built(services: dict[str, Any], root: Path) -> None:
    """From the Dockerfiles that there are."""
    for name in ("gateway", "worker"):
        assert services[name]["image"] == f"pullback/{name}:{version('pullback')}"
        assert root.joinpath(services[name]["build"]["dockerfile"]).is_file()


def test_redis_keeps_what_was_accepted(services: dict[str, Any]) -> None:
    """With its file, on a volume, and without eviction."""
    words = services["redis"]["command"]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert (options["--appendonly"], options["--maxmemory-policy"]) == ("yes", "noeviction")
    assert services["redis"]["volumes"] == [f"redis:{options['--dir']}"]


def _seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text[:-1])
