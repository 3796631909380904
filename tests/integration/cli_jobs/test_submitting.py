from __future__ import annotations

import json
import random
import re
import signal
from typing import TYPE_CHECKING

import pytest
from tests.integration.cli_jobs.running import Running
from tests.unit.cli.results.samples import READERS, ids_in_lines

from pullback.client import Client, Overloaded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli_jobs.conftest import Pullback
    from tests.job_stand_in.service import JobServer

USAGE = 2

SWEEP = """
program: y = x
grid:
  x: {range: 5}
labels: {study: quartic}
deadline: 2h
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A batch file of five jobs."""
    path = tmp_path / "sweep.yaml"
    path.write_text(SWEEP)
    return path


def _xs(path: Path) -> dict[str, float]:
    return {row["id"]: row["values"]["x"] for row in map(json.loads, path.read_text().splitlines())}


@pytest.mark.parametrize("suffix", READERS)
def test_a_batch_is_submitted_and_collected(
    suffix: str, sweep: Path, server: JobServer, pullback: Pullback, tmp_path: Path
) -> None:
    """Each row of the file is a job, and each job a row of the results; the status is 0."""
    server.service.finishing = True
    path = tmp_path / f"r{suffix}"
    done = pullback("submit", str(sweep), "--batch-id", "b", "-o", str(path), "--json")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "batch b: 5 jobs",
        "5 of 5 done: 5 succeeded",
        "5 jobs: 5 succeeded",
    ]
    assert json.loads(done.stdout)["succeeded"] == 5
    assert sorted(READERS[suffix](path)) == [f"b.{index}" for index in range(5)]


def test_run_again_nothing_is_submitted_twice(
    sweep: Path, server: JobServer, client: Client, pullback: Pullback, tmp_path: Path
) -> None:
    """With or without the old result file, the same batch collects the same, though it has a relative deadline."""
    server.service.finishing = True
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    assert pullback("submit", str(sweep), "--batch-id", "b", "-o", str(one)).exit_code == 0
    assert pullback("submit", str(sweep), "--batch-id", "b", "-o", str(one)).exit_code == 0
    assert pullback("submit", str(sweep), "--batch-id", "b", "-o", str(other)).exit_code == 0
    assert _xs(one) == _xs(other) == {f"b.{index}": float(index) for index in range(5)}
    assert len(ids_in_lines(one)) == 5
    assert len(server.service.store.records) == 5
    assert {found.labels["study"] for found in client.jobs.list()} == {"quartic"}


def test_what_the_service_forgot_is_not_computed_again(
    sweep: Path, server: JobServer, pullback: Pullback, tmp_path: Path
) -> None:
    """Rows of the file stay when the jobs' time to live is over."""
    server.service.finishing = True
    path = tmp_path / "r.npz"
    pullback("submit", str(sweep), "--batch-id", "b", "-o", str(path))
    for name in list(server.service.store.records):
        server.service.store.delete(name)
    before = path.read_bytes()
    assert pullback("submit", str(sweep), "--batch-id", "b", "-o", str(path)).exit_code == 0
    assert not server.service.store.records
    assert path.read_bytes() == before


def test_jobs_can_be_left(sweep: Path, server: JobServer, pullback: Pullback) -> None:
    """With --detach the batch's id is all there is on standard output, for whoever comes for the results."""
    left = pullback("submit", str(sweep), "--detach")
    batch_id = left.stdout.strip()
    assert (left.exit_code, left.stderr) == (0, "")
    assert batch_id.startswith("sweep-")
    assert set(server.service.store.records) == {f"jobs/{batch_id}.{index}" for index in range(5)}
    server.service.store.finish_all()
    assert pullback("jobs", "watch", "--batch-id", batch_id).exit_code == 0


def test_options_go_before_the_file(sweep: Path, client: Client, pullback: Pullback) -> None:
    """Priority, labels and time limits of the command line are the jobs'."""
    words = [
        "--priority",
        "bulk",
        "--label",
        "study=other",
        "--label",
        "run=7",
        "--timeout",
        "5s",
        "--seed",
        "0",
    ]
    assert pullback("submit", str(sweep), "--batch-id", "b", "--detach", *words).exit_code == 0
    job = client.jobs.get("b.0", view="full")
    assert job.priority == "bulk"
    assert {key: job.labels[key] for key in ("study", "run")} == {"study": "other", "run": "7"}
    assert job.evaluation is not None
    assert job.evaluation.timeout.ToMilliseconds() == 5_000


def test_a_table_of_parameters_runs_a_program_of_the_command_line(
    client: Client, pullback: Pullback, tmp_path: Path
) -> None:
    """Each row of a CSV file is a job of the program that is given."""
    table, program = tmp_path / "points.csv", tmp_path / "program.txt"
    table.write_text("x,y\n1,2\n3,4\n")
    program.write_text("z = x * y")
    assert (
        pullback("submit", str(table), "--program", f"@{program}", "--batch-id", "b", "--detach").exit_code
        == 0
    )
    job = client.jobs.get("b.1", view="full")
    assert job.evaluation is not None
    assert (job.evaluation.program, set(job.evaluation.inputs)) == ("z = x * y", {"x", "y"})


def test_a_dry_run_sends_nothing(sweep: Path, server: JobServer, pullback: Pullback) -> None:
    """It says what would be sent, and calls nobody."""
    tried = pullback("submit", str(sweep), "--dry-run")
    assert tried.exit_code == 0
    assert "5 jobs" in tried.stdout
    assert not server.service.calls


def test_a_wrong_file_is_told_with_all_its_faults(
    server: JobServer, pullback: Pullback, tmp_path: Path
) -> None:
    """Each fault has its line and field, the status is that of a wrong file, and nothing is sent."""
    path = tmp_path / "sweep.yaml"
    path.write_text("program: y = x\npriority: high\ngrid:\n  x: {linspace: [0, 1]}\n")
    refused = pullback("submit", str(path))
    assert refused.exit_code == USAGE
    assert f"{path}:2: priority: " in refused.stderr
    assert f"{path}:4: grid.x.linspace" in refused.stderr
    assert not server.service.calls


def test_jobs_that_are_refused_are_told(
    sweep: Path, server: JobServer, pullback: Pullback, tmp_path: Path
) -> None:
    """A changed file under an old id is not taken for the old one: the jobs that differ are refused."""
    server.service.finishing = True
    pullback("submit", str(sweep), "--batch-id", "b")
    sweep.write_text(SWEEP.replace("range: 5", "value: [0, 1, 7, 3, 4]"))
    changed = pullback("submit", str(sweep), "--batch-id", "b", "-o", str(tmp_path / "r.jsonl"))
    assert changed.exit_code == 1
    assert "b.2: refused: job_id: batch b was submitted before with another job here" in changed.stderr
    assert "5 jobs: 4 succeeded, 1 refused (1 JOB_ID_REUSED)" in changed.stderr
    detached = pullback("submit", str(sweep), "--batch-id", "b", "--detach")
    assert (detached.exit_code, detached.stdout) == (1, "b\n")
    assert "b.2: refused" in detached.stderr


def test_a_result_file_of_another_batch_is_refused(
    sweep: Path, server: JobServer, pullback: Pullback, tmp_path: Path
) -> None:
    """Rows of other jobs are not mixed with this batch's, and nothing is sent."""
    server.service.finishing = True
    path = tmp_path / "r.jsonl"
    pullback("submit", str(sweep), "--batch-id", "b", "-o", str(path))
    server.service.calls.clear()
    refused = pullback("submit", str(sweep), "-o", str(path))
    assert refused.exit_code == USAGE
    assert "holds results of other jobs, such as b.0" in " ".join(refused.stderr.split())
    sweep.write_text(SWEEP.replace("range: 5", "range: 3"))
    refused = pullback("submit", str(sweep), "--batch-id", "b", "-o", str(path))
    assert "has a row for b.3, but the batch has 3 jobs" in " ".join(refused.stderr.split())
    assert not server.service.calls


def test_a_full_service_is_waited_for(sweep: Path, server: JobServer, pullback: Pullback) -> None:
    """Refusals that a moment mends are not told, and no job is lost to them."""
    server.service.finishing = True
    server.service.refusals.extend([Overloaded("full", retry_seconds=0.01)] * 3)
    assert pullback("submit", str(sweep), "--batch-id", "b").exit_code == 0


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_killed_again_and_again_a_batch_is_whole_in_the_end(
    suffix: str, sweep: Path, server: JobServer, tmp_path: Path
) -> None:
    """SIGKILL at any moment of submission or collection costs no row, doubles none, and creates no job twice."""
    sweep.write_text(SWEEP.replace("range: 5", "range: 3000"))
    server.service.finishing = True
    path = tmp_path / f"r{suffix}"
    words = [
        "submit",
        str(sweep),
        "--batch-id",
        "b",
        "-o",
        str(path),
        "--every",
        "0.1",
        "--progress",
        "lines",
    ]
    for _ in range(3):
        with Running(words, server.address) as running:
            running.wait_for(random.choice(["batch b", r" of 3,000 done", r"[12],\d\d\d of 3,000 done"]))  # noqa: S311
            running.process.kill()
    with Running(words, server.address) as running:
        assert running.end()[0] == 0, running.text
    assert sorted(READERS[suffix](path)) == sorted(f"b.{index}" for index in range(3_000))
    assert len(server.service.store.records) == 3_000


def test_ctrl_c_while_jobs_are_sent_says_how_to_go_on(sweep: Path, server: JobServer, tmp_path: Path) -> None:
    """The command that is told has the batch's id, and what was collected is in the file."""
    path = tmp_path / "r.jsonl"
    with Running(["submit", str(sweep), "-o", str(path), "--every", "0.1"], server.address) as running:
        running.wait_for("0 of 5 done")
        running.process.send_signal(signal.SIGINT)
        assert running.end()[0] == 130
    # The jobs may not have reached the service yet: what was said is what somebody can go on with.
    (batch_id,) = re.findall(r"^batch (\S+): 5 jobs$", running.text, re.MULTILINE)
    assert (
        running.text.splitlines()[-2]
        == f"to go on: pullback submit {sweep} -o {path} --every 0.1 --batch-id {batch_id}"
    )


def test_ctrl_c_says_how_many_were_not_submitted(sweep: Path, server: JobServer, client: Client) -> None:
    """Who leaves in the middle of a file learns that the rest of it waits nowhere."""
    server.service.room = lambda each: None if each.job_id.endswith((".0", ".1")) else Overloaded("full")
    with Running(["submit", str(sweep), "--batch-id", "b", "--every", "0.1"], server.address) as running:
        running.wait_for("0 of 5 done: 2 queued, 3 not submitted")
        running.process.send_signal(signal.SIGINT)
        assert running.end()[0] == 130
    assert "the jobs that were submitted go on\n" in running.text
    assert running.text.endswith("5 jobs: 2 queued, 3 not submitted\n")
    assert len(list(client.jobs.list())) == 2


def test_results_are_not_asked_for_by_who_leaves(
    sweep: Path, server: JobServer, pullback: Pullback, tmp_path: Path
) -> None:
    """--detach with --output is refused before anything is sent or written: it would leave an empty file."""
    path = tmp_path / "r.jsonl"
    refused = pullback("submit", str(sweep), "--detach", "--output", str(path))
    assert refused.exit_code == USAGE
    assert "--output does not go with --detach" in " ".join(refused.stderr.split())
    assert (path.exists(), len(server.service.store.records)) == (False, 0)


def test_a_span_may_be_a_number_of_seconds(sweep: Path, server: JobServer, pullback: Pullback) -> None:
    """What a batch file may say as a number may be typed as one, for each option that is a span."""
    words = ("--timeout", "90", "--deadline", "3600", "--not-before", "1.5", "--time-to-live", "7200")
    assert pullback("submit", str(sweep), "--batch-id", "b", "--detach", *words).exit_code == 0
    sent = server.service.store.records["jobs/b.0"].job
    begun = int(sent.labels["pullback/begun"])
    assert sent.evaluation.timeout.ToMilliseconds() == 90_000
    assert sent.deadline_time.ToMilliseconds() == begun + 3_600_000
    assert sent.not_before_time.ToMilliseconds() == begun + 1_500
    assert sent.time_to_live.ToMilliseconds() == 7_200_000
    refused = pullback("submit", str(sweep), "--detach", "--timeout", "0")
    assert (refused.exit_code, "above 0" in refused.stderr) == (USAGE, True)
    dated = pullback("submit", str(sweep), "--detach", "--deadline", "20300131")
    assert (dated.exit_code, "lacks its time zone" in dated.stderr) == (USAGE, True)


def test_the_first_call_is_as_patient_as_the_rest(
    sweep: Path, server: JobServer, pullback: Pullback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that is away when a submission begins is waited for as long as --retry-for says, and no less."""
    asked: list[float] = []

    def client(address: str, *, retry_for: float) -> Client:
        asked.append(retry_for)
        return Client(address, retry_for=retry_for)

    server.service.finishing = True
    monkeypatch.setattr("pullback.cli.jobs.submitting.Client", client)
    monkeypatch.setattr("pullback.cli.jobs.exporting.Client", client)
    assert pullback("submit", str(sweep), "--batch-id", "b", "--retry-for", "71").exit_code == 0
    assert pullback("jobs", "watch", "--batch-id", "b", "--retry-for", "72").exit_code == 0
    assert asked == [71, 72]
