from __future__ import annotations

import socket

import pytest
from pydantic import ValidationError

from pullback.contract.settings import explain
from pullback.worker.settings import WorkerSettings


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment may leave a variable empty to take the default."""
    for name in ("PULLBACK_SLOTS", "PULLBACK_DEVICE", "PULLBACK_WORKER_NAME"):
        monkeypatch.setenv(name, "")
    settings = WorkerSettings()
    assert settings.slots > 0
    assert (settings.device, settings.worker_name) == ("cpu", socket.gethostname())


def test_each_wrong_setting_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for each variable, with its name."""
    monkeypatch.setenv("PULLBACK_SLOTS", "many")
    monkeypatch.setenv("PULLBACK_DEVICE", "tpu")
    with pytest.raises(ValidationError) as caught:
        WorkerSettings()
    assert explain(caught.value).splitlines() == [
        "PULLBACK_DEVICE: Input should be 'cpu' or 'cuda'",
        "PULLBACK_SLOTS: Input should be a valid integer, unable to parse string as an integer",
    ]
