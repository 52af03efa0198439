"""Atomic writes: whatever happens during a write, either the old or the new file is complete."""

import errno
import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from fastcnn.saving.atomic import atomic_write
from tests.support import kills
from tests.support.paths import ROOT

NOBODY = 65534


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


def write(path, content=b"new"):
    with atomic_write(path) as file:
        file.write(content)


class TestAtomicWrite:
    def test_replaces_the_old_file(self, path):
        write(path)
        assert path.read_bytes() == b"new"
        assert os.listdir(path.parent) == ["file"]

    def test_error_keeps_the_old_file(self, path):
        def write_half():
            with atomic_write(path) as file:
                file.write(b"new")
                raise RuntimeError("halfway")

        with pytest.raises(RuntimeError, match="halfway"):
            write_half()
        assert path.read_bytes() == b"old"
        assert os.listdir(path.parent) == ["file"]

    def test_permissions_of_the_old_file_are_kept(self, path):
        path.chmod(0o640)
        with atomic_write(path) as file:
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o640  # before any content
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_new_file_has_default_permissions(self, tmp_path):
        usual, ours = tmp_path / "usual", tmp_path / "ours"
        usual.write_bytes(b"")
        write(ours)
        assert ours.stat().st_mode == usual.stat().st_mode

    def test_symbolic_link_is_kept(self, path):
        link = path.with_name("link")
        link.symlink_to(path)
        write(link)
        assert link.is_symlink()
        assert path.read_bytes() == b"new"

    def test_missing_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            write(tmp_path / "no" / "file")

    def test_path_is_a_folder(self, tmp_path):
        with pytest.raises(IsADirectoryError):
            write(tmp_path)

    @pytest.mark.parametrize("name", ["x" * 250, "\u6a21" * 83, "\udc80" * 250, "\u00e9" * 100])
    def test_long_file_name(self, name, tmp_path):
        for content in (b"old", b"new"):
            write(tmp_path / name, content)
            assert (tmp_path / name).read_bytes() == content
        assert os.listdir(tmp_path) == [name]

    @pytest.mark.parametrize("mode", [0o444, 0o400, 0])
    def test_read_only_file_is_kept(self, mode, path):
        path.chmod(mode)
        with pytest.raises(PermissionError, match="read-only and is not replaced"):
            write(path)
        path.chmod(0o600)
        assert path.read_bytes() == b"old"
        assert os.listdir(path.parent) == ["file"]

    def test_path_is_not_a_regular_file(self, tmp_path):
        fifo, link = tmp_path / "fifo", tmp_path / "link"
        os.mkfifo(fifo)
        link.symlink_to("/dev/null")
        for path in (fifo, link):
            with pytest.raises(OSError, match="is not a regular file"):
                write(path)
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
        assert sorted(os.listdir(tmp_path)) == ["fifo", "link"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
    def test_owner_of_the_old_file_is_kept(self, path):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o640)
        write(path)
        new = path.stat()
        assert (new.st_uid, new.st_gid, stat.S_IMODE(new.st_mode)) == (NOBODY, NOBODY, 0o640)

    def test_owner_that_cannot_be_kept(self, path, monkeypatch):
        def refuse(*args):
            raise PermissionError

        old = path.stat()
        changed = os.stat_result((*old[:4], old.st_uid + 1, old.st_gid + 1, *old[6:]))
        monkeypatch.setattr(os, "stat", lambda path: changed)
        monkeypatch.setattr(os, "fchown", refuse)
        write(path)
        assert path.read_bytes() == b"new"

    def test_leftovers_of_killed_processes_are_removed(self, path):
        (path.parent / ".file.0123456789ab.tmp").write_bytes(b"half")
        write(path)
        assert os.listdir(path.parent) == ["file"]

    def test_files_of_others_are_kept(self, path):
        for name in (".file.precious.tmp", ".other.0123456789ab.tmp", ".file.0123456789ab.tmp~"):
            (path.parent / name).write_bytes(b"mine")
        os.mkfifo(path.parent / ".file.0123456789ab.tmp")
        (path.parent / ".file.0123456789ac.tmp").symlink_to("/etc/passwd")
        before = sorted(os.listdir(path.parent))
        write(path)
        assert sorted(os.listdir(path.parent)) == before

    def test_file_that_another_process_is_writing_is_kept(self, path):
        other = path.parent / ".file.0123456789ab.tmp"
        other.write_bytes(b"half")
        with open(other, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            write(path)
            assert other.exists()
        write(path)
        assert not other.exists()

    def test_file_system_without_locks(self, path, monkeypatch):
        def no_locks(handle, operation):
            raise OSError(errno.ENOLCK, "No locks available")

        monkeypatch.setattr(fcntl, "flock", no_locks)
        write(path)
        assert path.read_bytes() == b"new"
        assert os.listdir(path.parent) == ["file"]

    @pytest.mark.parametrize("gone", [False, True])
    def test_cleanup_by_another_process_between_opening_and_locking(self, gone, path, monkeypatch):
        lock, tries = fcntl.flock, []

        def too_late(handle, operation):
            tries.append(os.readlink(f"/proc/self/fd/{handle}"))
            if len(tries) == 1:
                os.unlink(tries[0])
                if not gone:
                    raise BlockingIOError
            return lock(handle, operation)

        monkeypatch.setattr(fcntl, "flock", too_late)
        write(path)
        assert len(set(tries)) == 2
        assert path.read_bytes() == b"new"
        assert os.listdir(path.parent) == ["file"]

    def test_two_concurrent_writers(self, path):
        with atomic_write(path) as first:
            first.write(b"first")
            write(path, b"second")
            assert path.read_bytes() == b"second"
        assert path.read_bytes() == b"first"
        assert os.listdir(path.parent) == ["file"]


def test_file_size_limit(tmp_path):
    """A limit on the size of files has the same effect as a full disk."""
    net = kills.model()
    savers = {
        tmp_path / "m.keras": net.save,
        tmp_path / "w.weights.h5": net.save_weights,
        tmp_path / "w.npz": net.save_weights,
    }
    for path, save in savers.items():
        save(path)
    before = {path: path.read_bytes() for path in savers}
    kills.set_version(net, 3)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for limit in (0, 1, 100, 5000):
            for path, save in savers.items():
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
                with pytest.raises(OSError, match="File too large") as caught:
                    save(path)
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
                assert caught.value.errno == errno.EFBIG
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert {path: path.read_bytes() for path in savers} == before
    assert sorted(os.listdir(tmp_path)) == ["m.keras", "w.npz", "w.weights.h5"]


FULL_DISK = """
import errno, sys
from pathlib import Path
from fastcnn.saving.state import save_state
from tests.support import kills

folder, net = Path(sys.argv[1]), kills.model()
savers = {
    "m.keras": net.save,
    "w.weights.h5": net.save_weights,
    "w.npz": net.save_weights,
    "state": lambda path: save_state(path, {"weights": net.get_weights()}),
}
for name, save in savers.items():
    save(folder / name)
old = {path: path.read_bytes() for path in folder.iterdir()}
kills.set_version(net, 3)
filler = folder / "filler"
for free in (0, 4096):
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
        file.truncate(file.tell() - free)
    for name, save in savers.items():
        try:
            save(folder / name)
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
        else:
            raise AssertionError(f"{name} was saved on a full disk")
    filler.unlink()
    assert {path: path.read_bytes() for path in folder.iterdir()} == old
for name, save in savers.items():
    save(folder / name)
assert all(path.read_bytes() != content for path, content in old.items())
print("done")
"""


def test_full_disk(tmp_path):
    """An in-memory file system of 256 KiB that only one process sees."""
    mount = 'mount -t tmpfs -o size=256k none "$1" && echo mounted && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-rm", "sh", "-c", mount, "sh", tmp_path, sys.executable, FULL_DISK]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"cannot mount a file system: {error}")
    if "mounted" not in done.stdout:
        pytest.skip(f"cannot mount a file system: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["mounted", "done"]


def test_no_permission():
    net = kills.model()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.keras"
        net.save(path)
        before = path.read_bytes()
        os.chmod(folder, 0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(NOBODY)
        try:
            with pytest.raises(PermissionError):
                net.save(path)
        finally:
            if is_root:
                os.seteuid(0)
            os.chmod(folder, 0o755)
        assert path.read_bytes() == before
        assert os.listdir(folder) == ["m.keras"]


def test_kills():
    """A short run; `python -m tests.support.kills 1000` is the long one (docs/trust.md)."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.kills", "25"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "every file was complete" in done.stdout
    within = int(done.stdout.split(" s, ")[1].split()[0])
    assert within > 5
