"""Writing a file so that the old one stays whole until the new one is complete."""

import contextlib
import os
import tempfile


@contextlib.contextmanager
def atomic_write(path):
    """A binary file to write to that takes the place of `path` when the block ends well.

    The data goes to a temporary file in the same folder, is flushed to the disk and renamed over
    `path`; after an error the temporary file is removed and `path` is as it was.
    """
    path = os.fspath(path)
    folder = os.path.dirname(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mode(path):
    """The permissions of the file that is replaced, or those that `open` would have given."""
    try:
        return os.stat(path).st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
