"""Atomic writes: the old file stays untouched until the new one is complete."""

import contextlib
import fcntl
import os


@contextlib.contextmanager
def atomic_write(path):
    """Context manager: a binary file that replaces `path` when the block ends without an error.

    The data goes to a temporary file in the same folder, which is synced to disk and renamed to
    `path`; then the folder is synced as well. On an error the temporary file is removed and `path`
    is left unchanged. A process that is killed cannot remove its temporary file; the next process
    that writes `path` does. The temporary file is locked while it is being written, so that no
    other process removes a file that is still in use.

    Raises:
        OSError: no permission, no such folder, no space; `path` is unchanged.
    """
    path = os.path.realpath(path)  # a symbolic link is kept, its target is replaced
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder and cannot be replaced by a file.")
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
    """A new, locked file next to the one to be replaced, and its path."""
    while True:
        temporary = f"{prefix}{os.urandom(6).hex()}.tmp"
        # O_EXCL, and the same mode as `open`: 0o666 minus the umask
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink:
                return os.fdopen(handle, "w+b"), temporary
        except BlockingIOError:
            pass  # another process is already removing it as a leftover: try a new name
        except OSError:  # a file system without locks
            return os.fdopen(handle, "w+b"), temporary
        os.close(handle)


def _remove_leftovers(folder, prefix):
    """Remove the temporary files of killed processes, recognized by their released locks."""
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
