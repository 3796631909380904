"""A folder with files of arrays, in which batch files are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
import safetensors.numpy
from pyarrow import parquet

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that holds arrays of each kind."""
    monkeypatch.chdir(tmp_path)
    arrays: dict[str, NDArray[Any]] = {"first": np.arange(3, dtype=np.float32), "second": np.ones((2, 2))}
    np.save("weights.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    np.save("objects.npy", np.array([None, {}], dtype=object), allow_pickle=True)
    np.save("unsigned.npy", np.arange(3, dtype=np.uint32))
    np.savez("arrays.npz", **arrays)  # type: ignore[arg-type]
    safetensors.numpy.save_file(arrays, "arrays.safetensors")
    names = ["first", "second", "third"]
    parquet.write_table(pa.table({"x": [0.0, 0.5, 1.0], "name": names}), "points.parquet")
    parquet.write_table(pa.table({"x": [0.0, None, 1.0]}), "holes.parquet")
    return tmp_path
