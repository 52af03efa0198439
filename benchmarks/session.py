"""The peers' processes: started once, and suspended while another one is timed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile

from benchmarks import ROOT

# BLAS settings in the environment that may be wrong for this machine; no framework relies on them.
UNWANTED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
AVX2_ONLY = {
    "FASTCNN_ISA": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
}


class PeerError(Exception):
    """A peer could not fulfill a request."""


class PeerAbsentError(PeerError):
    """The framework is not installed or does not support the task."""


def environment(threads, isa=None):
    """The environment variables of a peer's process."""
    variables = {k: v for k, v in os.environ.items() if k not in UNWANTED}
    variables["OMP_NUM_THREADS"] = str(threads)
    variables["OPENBLAS_NUM_THREADS"] = (
        "1"  # for NumPy in the checks: its threads would keep spinning
    )
    if isa == "avx2":
        variables |= AVX2_ONLY
    elif isa is not None:
        variables["FASTCNN_ISA"] = isa
    return variables


class Session:
    """One peer in a separate process. `ask` returns its answer; in between it is suspended."""

    def __init__(self, peer, python, threads, isa=None, images=None):
        self.peer = peer
        self._settings = peer, python, threads, isa, images
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `close`)
        command = [python, "-W", "ignore", "-m", f"benchmarks.peers.{peer}_peer"]
        command += ["--threads", str(threads)] + (["--images", images] if images else [])
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=ROOT,
            env=environment(threads, isa),
        )
        try:
            self.versions = self.ask("versions")["versions"]
        except PeerError:
            self.close()
            raise

    def ask(self, task, **details):
        """Send one request and return the answer.

        Raises PeerAbsentError if the framework is not installed or does not support the task;
        otherwise PeerError.
        """
        self._signal("SIGCONT")
        try:
            self._process.stdin.write(json.dumps({"task": task, **details}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise self._death()
        self._signal("SIGSTOP")  # so that its thread pool does not spin while another peer is timed
        answer = json.loads(line)
        if "absent" in answer:
            raise PeerAbsentError(answer["absent"])
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    @property
    def is_alive(self):
        """Whether the process runs; one that crashed does not."""
        return self._process.poll() is None

    def restarted(self):
        """A new session of the same peer, instead of this one."""
        self.close()
        return Session(*self._settings)

    def close(self):
        """Terminate the process; kill it only after a timeout."""
        self._signal("SIGCONT")
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _signal(self, name):
        if hasattr(signal, name) and self._process.poll() is None:
            self._process.send_signal(getattr(signal, name))

    def _death(self):
        self._process.wait()
        self._errors.seek(0)
        lines = [line for line in self._errors.read().splitlines() if line.strip()]
        last = lines[-1] if lines else f"ended with code {self._process.returncode}"
        missing = last.startswith("ModuleNotFoundError")
        return (PeerAbsentError if missing else PeerError)(last)


def start(peers, peer_python, threads, isa=None, images=None, quiet=False):
    """{name: Session} for the available peers; reports the others on standard error.

    With `quiet`, missing packages are not reported.
    """
    sessions = {}
    for peer in peers:
        python = sys.executable if peer == "fastcnn" else peer_python
        try:
            sessions[peer] = Session(peer, python, threads, isa, images)
        except PeerError as error:
            if quiet and isinstance(error, PeerAbsentError):
                continue
            print(f"{peer}: absent ({error})", file=sys.stderr)
    return sessions


def close(sessions):
    """Terminate the processes that `start` returned."""
    for session in sessions.values():
        session.close()
