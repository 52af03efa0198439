"""`get_file`: files from the web in Keras's cache, verified, complete or absent.

A file is downloaded under a temporary name and renamed once it is complete and its hash is right,
so nothing in the cache is half-written. An archive is unpacked in the same manner, and is treated
as hostile: nothing in it can be written to, or link to, anything outside of its own folder.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import shutil
import sys
import tarfile
import tempfile
import urllib.parse
import urllib.request
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from fastcnn.core.arguments import warn

try:
    from lzma import LZMAError
except ImportError:  # optional in Python
    LZMAError = zlib.error  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from typing import Any

    from fastcnn.core.types import Path as PathLike

TIMEOUT = 30  # seconds without any data
CHUNK = 1 << 20
HASHES = {"sha256": 64, "md5": 32}  # hexadecimal digits
CONFLICTS = (FileExistsError, IsADirectoryError, NotADirectoryError)  # of two members
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, LZMAError),
    *(EOFError, RuntimeError, KeyError),
)


def get_file(
    fname: PathLike | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: Any = "auto",
    cache_dir: PathLike | None = None,
    force_download: bool = False,
) -> str:
    """Download a file into Keras's cache unless it is there; returns its path.

    Args:
        fname: its name in the cache; None is the last part of the URL. Of an archive that is
            extracted: with an extension, the archive's name, else the folder's.
        origin: the URL: https, http or file.
        untar: the same as `extract` for a tar file; an old name.
        md5_hash: the same as `file_hash` for MD5; an old name.
        file_hash: the expected SHA-256 or MD5, in hexadecimal digits. A file of another content
            is not kept, and one that is in the cache is downloaded again.
        cache_subdir: a folder in `cache_dir`.
        hash_algorithm: "sha256", "md5", or "auto", which goes by the length of `file_hash`.
        extract: whether to unpack the file; the folder's path is returned.
        archive_format: "tar", "zip", "auto", or a list.
        cache_dir: by default the environment variable KERAS_HOME, or ~/.keras.
        force_download: whether to download a file that is in the cache.

    Raises:
        ValueError: invalid arguments, another hash, or a damaged or hostile archive.
        OSError: the file cannot be downloaded, or FASTCNN_OFFLINE is set; the error says why.
    """
    if origin is None:
        raise ValueError("The argument `origin` must be a URL. Received origin=None.")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    algorithm = _algorithm(hash_algorithm, file_hash)
    formats = _formats("tar" if untar else archive_format)
    name = os.fspath(fname) if fname else Path(urllib.parse.urlsplit(origin).path).name
    if not name or name in (".", "..") or os.path.basename(name) != name:
        raise ValueError(
            "The argument `fname` must be the name of a file without a folder (see `cache_dir`). "
            f"Received fname={fname!r} and origin={origin!r}."
        )
    cache = os.fspath(cache_dir or os.environ.get("KERAS_HOME") or "~/.keras")
    folder = Path(cache).expanduser() / cache_subdir
    target = unpacked = folder / name
    if extract or untar:
        if fname and "." in name:
            unpacked = folder / f"{name[: name.index('.')]}_extracted"
        else:
            target = folder / f"{name}_archive"
    is_new = force_download or not _is_valid(target, file_hash, algorithm)
    if is_new:
        folder.mkdir(parents=True, exist_ok=True)
        print(f"Downloading data from {origin}")
        _download(origin, target, file_hash, algorithm)
    if not (extract or untar):
        return str(target)
    if is_new or not unpacked.is_dir():
        extract_archive(target, unpacked, formats)
    return str(unpacked)


def _algorithm(name, file_hash):
    if name not in ("auto", *HASHES):
        raise ValueError(
            'The argument `hash_algorithm` must be "auto", "sha256" or "md5". '
            f"Received hash_algorithm={name!r}."
        )
    if file_hash is None:
        return None
    for algorithm, digits in HASHES.items():
        if name in ("auto", algorithm) and len(str(file_hash)) == digits:
            return algorithm
    raise ValueError(
        "The argument `file_hash` must be a SHA-256 of 64 or an MD5 of 32 hexadecimal digits. "
        f"Received file_hash={file_hash!r} and hash_algorithm={name!r}."
    )


def _formats(formats):
    formats = ["tar", "zip"] if formats == "auto" else formats
    formats = [formats] if isinstance(formats, str) else list(formats or ())
    if not set(formats) <= {"tar", "zip"}:
        raise ValueError(
            'The argument `archive_format` must be "auto", "tar", "zip", a list of these or None. '
            f"Received {formats}."
        )
    return formats


def hash_of(path: Path, algorithm: str) -> str:
    """The hash of a file in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _is_valid(path, file_hash, algorithm):
    if not path.is_file():
        return False
    if file_hash is None or hash_of(path, algorithm) == str(file_hash).lower():
        return True
    print(f"{path} is not the expected file, which has the {algorithm} hash {file_hash}.")
    return False


def _download(origin, target, file_hash, algorithm):
    """Download a file, verify it, and rename it to `target`."""
    with tempfile.TemporaryDirectory(prefix=".download-", dir=target.parent) as temporary:
        part = Path(temporary) / target.name
        parsed = urllib.parse.urlsplit(origin)
        if parsed.scheme == "file":
            shutil.copyfile(urllib.request.url2pathname(parsed.path), part)
        elif parsed.scheme not in ("http", "https"):
            raise ValueError(f"`origin` must be an http, https or file URL. Received {origin!r}.")
        elif os.environ.get("FASTCNN_OFFLINE", "0") not in ("", "0"):
            raise OSError(f"{origin} is not downloaded, because FASTCNN_OFFLINE is set.")
        else:
            from fastcnn.datasets.download import download
            from fastcnn.datasets.fetch import progress_bar

            with progress_bar() as progress:
                download(origin, part, sys.maxsize, TIMEOUT, progress)
        if file_hash is not None and hash_of(part, algorithm) != str(file_hash).lower():
            raise ValueError(
                f"{origin} is incomplete or not the expected file: its {algorithm} hash is "
                f"{hash_of(part, algorithm)} instead of {file_hash}."
            )
        os.replace(part, target)


def extract_archive(path: Path, folder: Path, formats: list[str]) -> bool:
    """Unpack a tar or zip file into a folder, which is replaced; warns if it is neither.

    Raises:
        ValueError: the archive is damaged, or a member would be outside of the folder.
    """
    with tempfile.TemporaryDirectory(
        prefix=".extract-", dir=folder.parent, ignore_cleanup_errors=True
    ) as temporary:
        root = Path(temporary).resolve() / folder.name
        root.mkdir()
        try:
            if "tar" in formats and tarfile.is_tarfile(path):
                _extract_tar(path, root)
            elif "zip" in formats and zipfile.is_zipfile(path):
                _extract_zip(path, root)
            else:
                warn(f"Could not extract {path}: it is not an archive of {formats}.")
                return False
        except DAMAGE as error:
            raise ValueError(f"{path}: the archive is damaged: {error}") from error
        except CONFLICTS as error:
            raise ValueError(
                f"{path}: two members of the archive have the same path: {error}"
            ) from error
        if folder.is_dir() and not folder.is_symlink():
            os.rename(folder, Path(temporary) / "old")  # removed with the temporary folder
        os.rename(root, folder)
    return True


def _extract_zip(path, root):
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            place = _inside(root, member.filename, path)
            if member.is_dir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                with archive.open(member) as source:
                    _write(source, place)


def _extract_tar(path, root):
    links: dict[Path, str] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            place = _inside(root, member.name, path)
            if member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            elif member.isfile() or member.islnk():
                source = archive.extractfile(member)
                if source is None:
                    raise ValueError(f"{path}: the link {member.name!r} is not one to a file.")
                with source:
                    _write(source, place)
                links.pop(place, None)  # the last member of a name counts, as in tar
            elif member.issym():
                links[place] = member.linkname
            else:
                raise ValueError(f"{path}: {member.name!r} is not a file, a folder or a link.")
        while archive.fileobj.read(CHUNK):
            pass  # the checksum of a compressed file is at its end
    for place, target in links.items():  # after all files: none is written through a link
        if not place.parent.resolve().is_relative_to(root):
            raise ValueError(f"{path}: a link is outside of the archive's folder: {target!r}.")
        _make_room(place)
        place.symlink_to(target)
    for place, target in links.items():
        if not place.resolve().is_relative_to(root):
            raise ValueError(f"{path}: the link {target!r} leads out of the archive.")


def _inside(root, name, path):
    """Where a member is written, which must be below `root`."""
    pure = PurePosixPath(name)
    is_windows_path = os.name == "nt" and ("\\" in name or ":" in name)
    if pure.is_absolute() or ".." in pure.parts or is_windows_path or "\0" in name:
        raise ValueError(f"{path}: the archive has a member outside of its folder: {name!r}.")
    return root.joinpath(*pure.parts)


def _make_room(place):
    """Create the parent folder, and remove an earlier member of the same name."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        place.unlink()


def _write(source, place):
    _make_room(place)
    with open(place, "xb") as out:
        shutil.copyfileobj(source, out, CHUNK)
