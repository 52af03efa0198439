"""Locate a data set on this machine or download it, and verify that it is the genuine one.

`load` searches these locations in order; the first complete, verified set wins:

1. the folder given as `path=`, then the one in the environment variable FASTCNN_DATA
   (the folder itself, or the subfolder named after the data set);
2. fastcnn's own cache: FASTCNN_HOME, else $XDG_CACHE_HOME/fastcnn, else ~/.cache/fastcnn;
3. the folders where other packages store it (`Dataset.elsewhere`);
4. a download into the cache (`Dataset.mirrors`);
5. the package of a Debian-family system (`Dataset.debian_package`), see `debian.py`.

FASTCNN_OFFLINE=1 disables 4 and 5. The cache stores files unzipped, so that they load fast, and
their SHA-256 is checked on every load: it is what `sha256sum` prints for a file in the cache. A
damaged file causes a warning, and so does a requested folder that does not have the set.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastcnn.datasets import debian
from fastcnn.datasets.idx import CHUNK, open_unzipped

TIMEOUT = 10  # seconds to wait for data from a server
LEFTOVER_AGE = 24 * 3600  # seconds until the unfinished files of a killed process are removed


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Args:
        name: its name when unzipped.
        size: its unzipped size in bytes.
        sha256: hash of the unzipped bytes, in hexadecimal; an MD5 where Keras publishes only that.
        gzipped: whether mirrors serve it as `name + ".gz"`, and folders may contain it like that.
        aliases: other names that it may have in a folder.
    """

    name: str
    size: int
    sha256: str
    gzipped: bool = False
    aliases: tuple[str, ...] = ()

    @property
    def served_as(self):
        return self.name + ".gz" if self.gzipped else self.name

    def candidates(self, folder):
        """The files in `folder` that may be this one, best first; empty if there are none."""
        names = dict.fromkeys((self.name, self.served_as, *self.aliases))
        return [folder / name for name in names if (folder / name).is_file()]


@dataclass(frozen=True)
class Dataset:
    """The files of a data set and where to find them.

    Args:
        name: the name of the set and of its folder in the cache.
        files: its `DataFile`s.
        read: `read(path, file)` returns the content of one file, or raises ValueError if it is not
            the pinned one (see `check`).
        elsewhere: {label: folder} of other packages; `{keras}` stands for Keras's home and `~` for
            the user's, and a relative path is relative to the working directory.
        mirrors: URLs to which `served_as` is appended.
        debian_package: the name of the distribution's package, if there is one.
        debian_folder: the folder with the files in that package.
    """

    name: str
    files: tuple[DataFile, ...]
    read: Callable[[Path, DataFile], Any]
    elsewhere: dict[str, str] = field(default_factory=dict)
    mirrors: tuple[str, ...] = ()
    debian_package: str | None = None
    debian_folder: str | None = None


def load(dataset, path=None):
    """Load every file of `dataset`: {file name: the result of `dataset.read`}.

    Args:
        dataset: a `Dataset`.
        path: a folder to search before all other locations.

    Raises:
        FileNotFoundError: the complete set was not found; the message lists every location and the
            reason.
    """
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"The argument `path` must be a folder. Received path={path!r}")
    failures = []
    for label, template, requested in _local_folders(dataset, path):
        try:
            folder = Path(template).expanduser()
            if requested and (folder / dataset.name).is_dir():
                folder /= dataset.name
            return _read_all(dataset, folder)
        except (OSError, ValueError, RuntimeError) as error:
            failures.append(f"{label}: {error}")
            if requested or isinstance(error, ValueError):
                warnings.warn(f"{failures[-1]} Continuing the search.", stacklevel=3)
    try:
        cache = Path(cache_folder(dataset.name)).expanduser().absolute()
        if _fetch(dataset, cache, failures):
            return _read_all(dataset, cache)
    except (OSError, ValueError, RuntimeError) as error:
        failures.append(f"fetching into fastcnn's cache: {error}")
    tried = "\n".join(f"  {index}. {text}" for index, text in enumerate(failures, 1))
    raise FileNotFoundError(
        f"The data set {dataset.name} was not found. Locations tried, and why they failed:\n{tried}"
    )


def check(path, file, size, sha256):
    """Raise a ValueError naming `path` unless size and SHA-256 are the ones pinned in `file`."""
    if size != file.size:
        raise ValueError(f"{path}: expected {file.size} bytes, found {size}.")
    if sha256 != file.sha256:
        kind = "MD5" if len(file.sha256) == 32 else "SHA-256"
        raise ValueError(f"{path}: expected {kind} {file.sha256}, found {sha256}.")


def verify(path, file):
    """Raise ValueError unless the file at `path` has the pinned size and SHA-256."""
    with open(path, "rb") as stream:
        _copy(stream, None, path, file)


def _local_folders(dataset, path):
    """Yield (label, folder, whether the user requested it) for steps 1 to 3."""
    if path is not None:
        yield "the argument path=", path, True
    if folder := os.environ.get("FASTCNN_DATA"):
        yield "the environment variable FASTCNN_DATA", folder, True
    yield "fastcnn's cache", cache_folder(dataset.name), False
    keras = os.environ.get("KERAS_HOME") or "~/.keras"
    for label, template in dataset.elsewhere.items():
        yield label, template.replace("{keras}", keras), False


def cache_folder(name):
    """The folder of a data set in fastcnn's cache; `~` stands for the user's home."""
    home = os.environ.get("FASTCNN_HOME")
    if not home:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "fastcnn")
    return os.path.join(home, name)


def _read_all(dataset, folder):
    """Read every file of the set from `folder`, each from its first valid candidate."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}.")
    candidates = {file: file.candidates(folder) for file in dataset.files}
    missing = [file.name for file, paths in candidates.items() if not paths]
    if missing:
        raise FileNotFoundError(f"{folder} does not contain {', '.join(missing)}.")
    return {file.name: _read_one(dataset, file, paths) for file, paths in candidates.items()}


def _read_one(dataset, file, paths):
    damage = None
    for path in paths:
        try:
            return dataset.read(path, file)
        except ValueError as error:
            damage = damage or error
    raise damage


def _fetch(dataset, cache, failures):
    """Fetch the set into `cache` by step 4 or 5; on failure append to `failures`, return False."""
    attempts = {mirror: functools.partial(_download, mirror) for mirror in dataset.mirrors}
    if dataset.debian_package:
        attempts[f"the system's package {dataset.debian_package}"] = _unpack_debian
    if os.environ.get("FASTCNN_OFFLINE", "0") not in ("", "0"):
        failures += [f"{label}: not tried, because FASTCNN_OFFLINE is set." for label in attempts]
        return False
    with _private_folder(cache) as temp:
        for label, attempt in attempts.items():
            try:
                attempt(dataset, cache, temp)
                return True
            except (OSError, ValueError) as error:
                failures.append(f"{label}: {error}")
                print(f"fastcnn: {error}", file=sys.stderr)
    return False


def _missing(dataset, cache):
    """Yield the files that are missing or damaged in the cache."""
    for file in dataset.files:
        try:
            verify(cache / file.name, file)
        except (OSError, ValueError):
            yield file


def _download(mirror, dataset, cache, temp):
    """Step 4: download the files that are missing in the cache from one mirror."""
    from fastcnn.datasets.download import download

    print(f"fastcnn: downloading {dataset.name} from {mirror}", file=sys.stderr)
    with progress_bar() as progress:
        for file in _missing(dataset, cache):
            part = temp / file.served_as
            download(mirror + file.served_as, part, file.size + CHUNK, TIMEOUT, progress)
            _store(part, cache / file.name, file)


def _unpack_debian(dataset, cache, temp):
    """Step 5: get the missing files from the distribution's package."""
    root = debian.fetch_package(dataset.debian_package, temp)
    folder = root / dataset.debian_folder.lstrip("/")
    for file in _missing(dataset, cache):
        candidates = file.candidates(folder)
        if not candidates:
            raise FileNotFoundError(f"the package has no {file.name} in {dataset.debian_folder}.")
        _store(candidates[0], cache / file.name, file)


def _store(source, target, file):
    """Unzip and verify `source` in its own folder, then rename the result to `target`."""
    verified = source.with_name(file.name + ".verified")
    opener = open_unzipped if file.gzipped else functools.partial(open, mode="rb")
    with opener(source) as stream, open(verified, "wb") as out:
        _copy(stream, out, source, file)
    os.replace(verified, target)


def _copy(stream, out, path, file):
    """Copy `stream` to `out` unless it is None, and check it; stop soon after the pinned size."""
    digest, size = hashlib.new("md5" if len(file.sha256) == 32 else "sha256"), 0
    while size <= file.size and (chunk := stream.read(CHUNK)):
        digest.update(chunk)
        size += len(chunk)
        if out is not None:
            out.write(chunk)
    check(path, file, f"more than {file.size}" if size > file.size else size, digest.hexdigest())


@contextlib.contextmanager
def _private_folder(cache):
    """Context manager: a temporary folder in the cache for unfinished files; removes old ones.

    If nothing is stored, it also removes the folders that it created.
    """
    created = [folder for folder in (cache, *cache.parents) if not folder.exists()]
    cache.mkdir(parents=True, exist_ok=True)
    for leftover in cache.glob(".fetch-*"):
        with contextlib.suppress(OSError):
            if leftover.stat().st_mtime < time.time() - LEFTOVER_AGE:
                shutil.rmtree(leftover)
    try:
        with tempfile.TemporaryDirectory(
            prefix=".fetch-", dir=cache, ignore_cleanup_errors=True
        ) as temp:
            yield Path(temp)
    finally:
        with contextlib.suppress(OSError):  # not empty
            for folder in created:
                folder.rmdir()


def progress_bar():
    """A bar for downloads on stderr, if that is a terminal and rich is installed."""
    try:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TransferSpeedColumn,
        )
    except ImportError:
        return contextlib.nullcontext(_NoProgress())
    name = TextColumn("{task.description}")
    columns = (name, BarColumn(), DownloadColumn(), TransferSpeedColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


class _NoProgress:
    """Shows nothing."""

    def add_task(self, description, total):
        pass

    def update(self, task, completed):
        pass
