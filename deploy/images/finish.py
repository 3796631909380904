"""Finishes what was installed for an image, while it is built: leaves out what no process uses, compiles, lists.

    python finish.py VENV

Runs in the build stage alone. Everything that it writes is the same each time.
"""

from __future__ import annotations

import compileall
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

# What packages bring for those who build, test or profile with them.
UNUSED = (
    # torch's own tests and compiler. It starts no torch_shm_manager here, and looks for it when it is imported.
    "torch/bin/*Test",
    "torch/bin/protoc*",
    "torch/bin/script_module*",
    "torch/bin/test_*",
    "torch/bin/upgrader_models",
    "torch/include",  # headers, for C++ extensions
    "torch/share",
    "torch/test",
    "torch/lib/libtorchbind_test.so",
    "torch/lib/libjitbackend_test.so",
    "torch/lib/libbackend_with_compiler.so",
    "onnx/backend/test",
    "numpy/_core/tests",
    "numpy/tests",
    "pyarrow/tests",
    "pyarrow/include",
    "sympy/*/tests",
    "networkx/*/tests",
    "networkx/*/*/tests",
)


def main() -> None:
    """Finishes an environment."""
    home = Path(sys.argv[1])
    (packages,) = home.glob("lib/python3.*/site-packages")
    for pattern in UNUSED:
        for path in packages.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    compileall.compile_dir(
        packages, quiet=2, workers=1, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    bill = home / "share" / "sbom.cdx.json"
    bill.parent.mkdir(exist_ok=True)
    command = ["/opt/tools/bin/cyclonedx-py", "environment", "--output-reproducible", "-o", str(bill)]
    subprocess.run([*command, str(home / "bin" / "python")], check=True)


if __name__ == "__main__":
    main()
