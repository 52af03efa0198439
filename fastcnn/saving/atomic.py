"""Writing a file so that the old one stays whole until the new one is complete."""

import contextlib
import fcntl
import os


@contextlib.contextmanager
def atomic_write(path):
    """A binary file to write to that takes the place of `path` when the block ends well.

    The data goes to a temporary file in the same folder, is flushed to the disk and renamed over
    `path`; then the folder is flushed, too. After an error the temporary file is removed and `path`
    is as it was. A process that is killed cannot remove its temporary file: the next one that
    writes `path` does. The file stays locked while it is written, so nobody takes a living
    process's file away.

    Raises:
        OSError: no permission, no such folder, no space; `path` is as it was.
    """
    path = os.path.realpath(path)  # a link stays a link, its target is replaced
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder: a file cannot take its place.")
    folder, name = os.path.split(path)
    prefix = f".{name[:200]}."
    _remove_leftovers(folder, prefix)
    file, temporary = _open_temporary(os.path.join(folder, prefix))
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(file.fileno(), os.stat(path).st_mode & 0o777)
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _open_temporary(prefix):
    """A new, locked file beside the one to be replaced, and its name."""
    while True:
        temporary = f"{prefix}{os.urandom(6).hex()}.tmp"
        # O_EXCL and the usual mode: what `open` would have given, with the umask taken off
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:
                return os.fdopen(handle, "w+b"), temporary
        except BlockingIOError:
            pass  # somebody who clears up was faster: let him have it
        except OSError:  # a file system without locks
            return os.fdopen(handle, "w+b"), temporary
        os.close(handle)


def _remove_leftovers(folder, prefix):
    """Remove the temporary files of processes that were killed: nobody holds their locks."""
    for name in os.listdir(folder):
        if name.startswith(prefix) and name.endswith(".tmp"):
            leftover = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                handle = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(leftover)
                finally:
                    os.close(handle)


def _sync_folder(folder):
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
