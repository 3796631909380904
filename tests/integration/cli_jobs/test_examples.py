from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml
from tests.integration.cli_jobs.running import PULLBACK
from tests.unit.cli.results.samples import ids_in_lines, ids_in_parquet

from pullback.cli.batch import load_batch
from pullback.cli.exits import FAILED
from pullback.contract.errors import WorkerLost

if TYPE_CHECKING:
    from tests.job_stand_in.service import JobServer

    from pullback.v1 import evaluation_pb2

EXAMPLES = Path(__file__).parents[3] / "examples"
MANIFEST = EXAMPLES / "kubernetes-job.yaml"

# Jobs of the example's batch.
COUNT = 1_000

# What each field of a crontab's line may be, from and to.
FIELDS = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]


def _run(
    command: list[str], address: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command in an environment as bare as cron's."""
    paths = os.pathsep.join([str(PULLBACK.parent), "/usr/local/bin", "/usr/bin", "/bin"])
    bare = {
        "HOME": str(folder),
        "PATH": paths,
        "PULLBACK_ADDRESS": address,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.run(
        command,
        cwd=folder,
        env=bare | variables,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def _expected(batch: str) -> list[str]:
    return [f"{batch}.{index}" for index in range(COUNT)]


def test_the_example_of_a_batch_is_one() -> None:
    """The file is accepted, and makes as many jobs as it says."""
    assert len(load_batch(EXAMPLES / "sweep.yaml")) == COUNT


def test_the_shell_script_collects_a_batch(server: JobServer, tmp_path: Path) -> None:
    """Run twice, it submits once and leaves one row for each job."""
    server.service.finishing = True
    command = ["/bin/sh", str(EXAMPLES / "submit.sh"), str(EXAMPLES / "sweep.yaml"), "day-1.jsonl"]
    for _ in range(2):
        done = _run(command, server.address, tmp_path)
        assert done.returncode == 0, done.stderr
    assert sorted(ids_in_lines(tmp_path / "day-1.jsonl")) == sorted(_expected("day-1-jsonl"))
    assert len(server.service.store.records) == COUNT


def test_the_shell_script_tries_once_more(server: JobServer, tmp_path: Path) -> None:
    """What failed is run again, and its new row takes the place of the old one."""
    server.service.finishing = True
    compute, failures = server.service.store.compute, [3]

    def failing_at_first(evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Result:
        if failures and failures.pop():
            raise WorkerLost("its worker was lost 5 times")
        return compute(evaluation)

    server.service.store.compute = failing_at_first
    done = _run(["/bin/sh", str(EXAMPLES / "submit.sh")], server.address, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 failed (1 WORKER_LOST)" in done.stderr
    (results,) = tmp_path.glob("sweep-*.jsonl")
    rows = ids_in_lines(results)
    assert len(rows) == COUNT
    assert len([row for row in rows if row.endswith(":2")]) == 1


@pytest.mark.parametrize("arguments", [["nope.yaml"], []])
def test_the_shell_script_hands_the_status_on(
    arguments: list[str], server: JobServer, tmp_path: Path
) -> None:
    """A wrong file ends it with 2, and a service that is not there with 3."""
    server.stop()
    command = ["/bin/sh", str(EXAMPLES / "submit.sh"), *arguments]
    assert _run(command, server.address, tmp_path).returncode == (2 if arguments else 3)
    server.start()


def _cron_line() -> tuple[list[str], str, dict[str, str]]:
    """Gives the fields, the command as cron hands it to the shell, and the variables of the crontab."""
    lines = [line for line in (EXAMPLES / "crontab").read_text().splitlines() if line and line[0] != "#"]
    variables = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    (line,) = (line for line in lines if not re.match(r"\w+=", line))
    *fields, command = line.split(None, 5)
    assert not re.search(r"(?<!\\)%", command), "cron ends the command at a bare percent sign"
    return fields, command.replace(r"\%", "%"), variables


def test_the_crontab_says_when() -> None:
    """Each field holds numbers of its range."""
    fields, _, variables = _cron_line()
    assert set(variables) == {"PATH", "PULLBACK_ADDRESS"}
    for field, (least, most) in zip(fields, FIELDS, strict=True):
        assert field == "*" or all(least <= int(number) <= most for number in field.split(","))


def test_the_crontabs_command_collects_a_batch_a_day(server: JobServer, tmp_path: Path) -> None:
    """Run by the shell as cron does, twice on one day, it collects once; the log has no control characters."""
    server.service.finishing = True
    shutil.copy(EXAMPLES / "sweep.yaml", tmp_path)
    _, command, _ = _cron_line()
    before = datetime.now().astimezone()
    for _ in range(2):
        done = _run(["/bin/sh", "-c", command], server.address, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    (results,) = tmp_path.glob("sweep-*.parquet")
    days = {f"{moment:%F}" for moment in (before, datetime.now().astimezone())}
    assert results.stem.removeprefix("sweep-") in days
    assert ids_in_parquet(results) == _expected(results.stem)
    log = (tmp_path / "sweep.log").read_text()
    assert log.count(f"{COUNT:,} jobs: {COUNT:,} succeeded\n") == 2
    assert log.isprintable() or "\x1b" not in log


def _documents() -> dict[str, dict[str, Any]]:
    return {document["kind"]: document for document in yaml.safe_load_all(MANIFEST.read_text())}


def test_the_manifest_is_valid_for_each_version_of_kubernetes() -> None:
    """Strictly, so that a misspelt field is found; from the first version whose Jobs heed the policy for good."""
    for document in _documents().values():
        for minor in range(31, 38):
            kubernetes_validate.validate(document, f"1.{minor}", strict=True)


def test_the_manifests_parts_fit_together() -> None:
    """Volumes, names and the image are those that are there, and the policy speaks of the command's statuses."""
    documents = _documents()
    job = documents["Job"]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["batch"]["configMap"]["name"] == documents["ConfigMap"]["metadata"]["name"]
    assert (
        volumes["results"]["persistentVolumeClaim"]["claimName"]
        == (documents["PersistentVolumeClaim"]["metadata"]["name"])
    )
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    assert container["image"] == f"pullback/cli:{version('pullback')}"
    (failing, _) = job["podFailurePolicy"]["rules"]
    assert failing["onExitCodes"]["containerName"] == container["name"]
    assert failing["onExitCodes"]["values"] == [FAILED, 2]
    assert pod["restartPolicy"] == "Never", "a policy for failures needs it"


def test_the_manifests_container_collects_a_batch(server: JobServer, tmp_path: Path) -> None:
    """Run as the pod runs it, killed and run again, it goes on under the Job's name."""
    server.service.finishing = True
    documents = _documents()
    (container,) = documents["Job"]["spec"]["template"]["spec"]["containers"]
    (tmp_path / "results").mkdir()
    (tmp_path / "batch").mkdir()
    for name, text in documents["ConfigMap"]["data"].items():
        (tmp_path / "batch" / name).write_text(text)
    name = documents["Job"]["metadata"]["name"]
    words = [*container["command"], *container["args"]]
    for mount in container["volumeMounts"]:
        words = [word.replace(f"{mount['mountPath']}/", f"{tmp_path}{mount['mountPath']}/") for word in words]
    words = [word.replace("$(JOB_NAME)", name) for word in words]
    assert not any("$(" in word for word in words)
    words[0] = str(PULLBACK)
    for _ in range(2):
        done = _run(words, server.address, tmp_path)
        assert done.returncode == 0, done.stderr
    assert ids_in_parquet(tmp_path / "results/sweep.parquet") == _expected(name)
    assert len(server.service.store.records) == COUNT
    assert all(earlier != later for earlier, later in pairwise(sorted(server.service.store.records)))
