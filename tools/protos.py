"""Makes the stubs from the .proto files, and checks both without changing a file.

`gen` writes the stubs beside the .proto files. `check` makes them elsewhere and compares, then lints and
checks the format. One import, google/rpc/status.proto, comes from an installed package, where buf does not
look: so protoc makes an image of everything, and buf lints the image.
"""

from __future__ import annotations

import argparse
import difflib
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from google.rpc import status_pb2

ROOT = Path(__file__).parents[1]
PROTO = ROOT / "proto"
BUF = str(Path(sysconfig.get_path("scripts")) / "buf")

# The folder that holds google/rpc/status.proto: site-packages, wherever that is.
GOOGLE = Path(status_pb2.__file__).parents[2]


def _protoc(proto: Path, *arguments: str) -> None:
    # -I proto, and no other folder of ours: the stubs' imports then read "from pullback.v1 import".
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{proto}", f"-I{GOOGLE}", *arguments]
    subprocess.run([*command, *sorted(proto.rglob("*.proto"))], check=True)


def generate(proto: Path, into: Path) -> None:
    """Writes the stubs of every .proto file below `proto` to the same places below `into`."""
    _protoc(proto, f"--python_out={into}", f"--pyi_out={into}", f"--grpc_python_out={into}")
    for stub in into.rglob("*_pb2_grpc.py"):
        if "Servicer" not in stub.read_text():
            stub.unlink()  # the plugin writes one for every file, with or without a service


def _stubs(root: Path) -> dict[str, str]:
    found = [*root.rglob("*_pb2.py"), *root.rglob("*_pb2.pyi"), *root.rglob("*_pb2_grpc.py")]
    return {str(path.relative_to(root)): path.read_text() for path in found}


def stale(proto: Path) -> list[str]:
    """Gives the differences between the stubs below `proto` and new ones, as lines of a diff."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(proto, Path(scratch))
        made, found = _stubs(Path(scratch)), _stubs(proto)
    lines: list[str] = []
    for name in sorted(made.keys() | found.keys()):
        old, new = found.get(name, "").splitlines(), made.get(name, "").splitlines()
        lines += difflib.unified_diff(old, new, f"committed/{name}", f"made/{name}", lineterm="", n=1)
    return lines


def linted(proto: Path) -> bool:
    """Says whether buf finds nothing wrong in the .proto files below `proto`, and prints what it finds."""
    with tempfile.TemporaryDirectory() as scratch:
        image = f"{scratch}/image.binpb"
        _protoc(proto, "--include_imports", "--include_source_info", f"--descriptor_set_out={image}")
        command = [BUF, "lint", image, "--config", str(ROOT / "buf.yaml")]
        return subprocess.run(command, check=False).returncode == 0


def formatted() -> bool:
    """Says whether the .proto files are formatted, and prints the difference."""
    command = [BUF, "format", "--diff", "--exit-code", "proto"]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def check() -> bool:
    """Says whether the stubs are current and the .proto files in order, and prints what is not."""
    differences = stale(PROTO)
    for line in differences:
        print(line)
    if differences:
        print("The stubs are not those of the .proto files: run `make gen` and commit the result.")
    clean, tidy = linted(PROTO), formatted()
    if not tidy:
        print("A .proto file is not formatted: run `make fmt`.")
    return clean and tidy and not differences


def main() -> None:
    """Runs the chore that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("chore", choices=["gen", "check"])
    if parser.parse_args().chore == "gen":
        generate(PROTO, PROTO)
    elif not check():
        sys.exit(1)


if __name__ == "__main__":
    main()
