"""A stand-in for the job service, and the command line as a user types it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from tests.job_stand_in.service import JobServer
from typer.testing import CliRunner

from pullback.cli.app import app
from pullback.client import Client, evaluation, job
from pullback.client.tensors import tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typer.testing import Result

    from pullback.v1.job_pb2 import CreateJobRequest

BATCH = "night-1"


class Pullback(Protocol):
    """The command line, with its arguments."""

    def __call__(self, *words: str) -> Result:
        """Runs a command to its end."""


@pytest.fixture
def server() -> Iterator[JobServer]:
    """A stand-in with its server."""
    running = JobServer()
    yield running
    running.stop()


@pytest.fixture
def client(server: JobServer) -> Iterator[Client]:
    """A client of it."""
    with Client(server.address) as client:
        yield client


@pytest.fixture
def pullback(server: JobServer) -> Pullback:
    """The command line, which finds the stand-in."""

    def run(*words: str) -> Result:
        return CliRunner().invoke(
            app, words, env={"PULLBACK_ADDRESS": server.address}, catch_exceptions=False
        )

    return run


def request(index: int, *, tries: str = "", program: str = "echo") -> CreateJobRequest:
    """Makes a job of the batch, as `pullback submit` does."""
    inputs = {"x": tensor(float(index))}
    labels = {"pullback/batch": BATCH, "pullback/begun": "1700000000000"}
    return job(evaluation(program, inputs), job_id=f"{BATCH}.{index}{tries}", labels=labels)
