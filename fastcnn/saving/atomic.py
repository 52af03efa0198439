"""Atomic writes: the old file stays untouched until the new one is complete."""

import contextlib
import errno
import fcntl
import os
import re
import stat


@contextlib.contextmanager
def atomic_write(path):
    """Context manager: a binary file that replaces `path` when the block ends without an error.

    The data goes to a temporary file in the same folder, which is synced to disk and renamed to
    `path`; then the folder is synced as well. On an error the temporary file is removed and `path`
    is left unchanged. A process that is killed cannot remove its temporary file; the next process
    that writes `path` does. The temporary file is locked while it is being written, so that no
    other process removes a file that is still in use.

    An old file's permissions are kept, and its owner and group where the process may set them. Its
    other hard links keep the old content; extended attributes are lost.

    Raises:
        OSError: no permission, no such folder, no space; or `path` is a folder, a read-only file, a
            FIFO or a device. `path` is unchanged.
    """
    path = os.path.realpath(path)  # a symbolic link is kept, its target is replaced
    _check_replaceable(path)
    folder, name = os.path.split(path)
    stem = f".{_shorten(name)}."
    _remove_leftovers(folder, stem)
    file, temporary = _open_temporary(os.path.join(folder, stem))
    try:
        with file:
            with contextlib.suppress(FileNotFoundError):  # first, as the content may be private
                _copy_permissions(os.stat(path), file.fileno())
            yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _check_replaceable(path):
    """Raise OSError if `path` exists and is not a regular file that may be written.

    Renaming a file over it needs no permission of the file itself, only of the folder.
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(f"{path} is a folder and cannot be replaced by a file.")
    if not stat.S_ISREG(mode):
        raise OSError(f"{path} is not a regular file and is not replaced.")
    if not mode & 0o222 or not os.access(path, os.W_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, "The file is read-only and is not replaced", path)


def _shorten(name):
    """The beginning of a file name, short enough to add to it on every file system."""
    return os.fsencode(name)[:100].decode("utf-8", "ignore")


def _copy_permissions(old, handle):
    """Give a new file the owner, group and permissions of the old one."""
    new = os.fstat(handle)
    for owner, group in ((old.st_uid, -1), (-1, old.st_gid)):
        if owner not in (-1, new.st_uid) or group not in (-1, new.st_gid):
            with contextlib.suppress(OSError):  # only root may give files away
                os.fchown(handle, owner, group)
    os.fchmod(handle, old.st_mode & 0o777)


def _open_temporary(stem):
    """A new, locked file next to the one to be replaced, and its path."""
    while True:
        temporary = f"{stem}{os.urandom(6).hex()}.tmp"
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


def _remove_leftovers(folder, stem):
    """Remove the temporary files of killed processes, recognized by their released locks."""
    ours = re.compile(re.escape(stem) + r"[0-9a-f]{12}\.tmp")
    for name in os.listdir(folder):
        if ours.fullmatch(name):
            leftover = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                handle = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if stat.S_ISREG(os.fstat(handle).st_mode):
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
