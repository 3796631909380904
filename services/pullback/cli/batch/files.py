"""Arrays that lie in files beside a batch file."""

from __future__ import annotations

import zipfile
from importlib import import_module
from typing import TYPE_CHECKING, Any, final

import numpy as np

from pullback.cli.batch.columns import converted
from pullback.cli.batch.faults import BatchError, Fault
from pullback.contract.tensors import BY_NAME, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from pullback.v1.tensor_pb2 import Tensor

#: Files of named arrays, and tables.
ARCHIVES = frozenset({".npz", ".safetensors"})
TABLES = frozenset({".csv", ".tsv", ".parquet"})


@final
class Files:
    """Finds files by the names that a batch file gives them, and notes when one is changed between two readings."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamps: dict[Path, tuple[int, int, int]] = {}

    def path(self, name: str) -> Path:
        """Gives where a file is.

        Raises:
            ValueError: it is not there, or no file.
            BatchError: it is another than when it was read before.
        """
        path = self._folder / name
        try:
            found = path.stat()
        except (OSError, ValueError) as error:
            raise ValueError(f"{name}: {getattr(error, 'strerror', None) or error}") from error
        if not path.is_file():
            raise ValueError(f"{name} is not a file")
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        if self._stamps.setdefault(path, stamp) != stamp:
            raise BatchError([Fault(name, None, "", "was changed since it was checked")])
        return path

    def text(self, name: str) -> str:
        """Reads a whole file as text, without a byte order mark.

        Raises:
            ValueError: it cannot be read, or is no text.
        """
        return decoded(self.path(name), name)


def decoded(path: Path, name: str) -> str:
    """Reads a whole file as text, without a byte order mark.

    Raises:
        ValueError: it cannot be read, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8 text: byte {error.start:,} is wrong") from error
    except OSError as error:
        raise ValueError(f"{name}: {error.strerror}") from error


def load_module(name: str, suffix: str) -> Any:
    """Imports what reads a kind of file, which the base install leaves out.

    Raises:
        ValueError: it is not installed; the message says what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ValueError(
            f"{suffix} needs {package}; install it with: pip install 'pullback[files]'"
        ) from error


def read_array(path: Path, name: str, key: str | None) -> NDArray[Any] | Tensor:
    """Reads one array; one of an .npy file stays on disk until its parts are used.

    Args:
        path: the file.
        name: what it is called in messages.
        key: which array; None for the only one.

    Raises:
        ValueError: the file cannot be read, or has no such array.
    """
    try:
        if path.suffix == ".npy":
            return _npy(path, key)
        return _SUFFIXES[path.suffix](path, key)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{name}: {getattr(error, 'strerror', None) or error}") from error


def _npy(path: Path, key: str | None) -> NDArray[Any]:
    if key is not None:
        raise ValueError("holds one array, without a key")
    with path.open("rb") as file:
        if file.read(6) != b"\x93NUMPY":
            raise ValueError("is not what numpy.save writes")
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:  # an array without elements cannot be mapped
        array = _plain(path)
    return array


def _plain(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        if read(file)[2].hasobject:
            raise ValueError("holds objects, not numbers")
    array: NDArray[Any] = np.load(path, allow_pickle=False)
    return array


def _npz(path: Path, key: str | None) -> NDArray[Any]:
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError("is not what numpy.savez writes")
    with np.load(path, allow_pickle=False) as archive:
        array: NDArray[Any] = archive[_chosen(list(archive.files), key)]
    return array


def _safetensors(path: Path, key: str | None) -> NDArray[Any] | Tensor:
    library = load_module("safetensors", ".safetensors")
    try:
        with library.safe_open(path, framework="np") as archive:
            chosen = _chosen(list(archive.keys()), key)
            kind = archive.get_slice(chosen).get_dtype()
            if kind != "BF16":
                array: NDArray[Any] = archive.get_tensor(chosen)
                return array
    except (library.SafetensorError, TypeError) as error:
        raise ValueError(f"cannot be read as safetensors: {error}") from error
    # numpy has no bfloat16, so that the library gives such a tensor as bytes alone.
    found = dict(library.deserialize(path.read_bytes()))[chosen]
    bits = np.frombuffer(found["data"], "<u2").reshape(found["shape"])
    return encode(bits, BY_NAME["bfloat16"])


def _chosen(keys: list[str], key: str | None) -> str:
    if key is None and len(keys) == 1:
        return keys[0]
    if key is None or key not in keys:
        wanted = "several arrays; give a key" if key is None else f"no {key!r}"
        raise ValueError(f"has {wanted}; it holds {', '.join(sorted(keys)[:20]) or 'none'}")
    return key


_SUFFIXES: dict[str, Callable[[Path, str | None], NDArray[Any] | Tensor]] = {
    ".npz": _npz,
    ".safetensors": _safetensors,
}


def as_tensor(array: NDArray[Any] | Tensor, dtype: str | None) -> Tensor:
    """Makes a tensor of what a file holds, which keeps its data type where no other is asked for.

    Raises:
        ValueError: it cannot be one.
    """
    if isinstance(array, np.ndarray):
        return converted(array, dtype)
    if dtype is None or BY_NAME[dtype].code == array.dtype:
        return array
    return converted(decode(array), dtype)
