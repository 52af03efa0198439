"""Download a package on a Debian-family system without root, and unpack it into a folder.

`apt-get` uses private package lists and a private cache, so it does not write to the system, and it
checks the distribution's signatures as usual. When run as root it keeps downloading as root, since
the sandbox user may not have access to a private folder.
"""

import os
import shutil
import subprocess
import sys

TIMEOUT = 300  # seconds for each of the three commands

# The system's update hooks concern its own package lists, which are not updated here.
CONFIGURATION = """\
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "0";
Acquire::http::Timeout "10";
Acquire::https::Timeout "10";
"""


def fetch_package(package, folder):
    """Download the distribution's `package` and unpack it under `folder`.

    Args:
        package: its name, such as "dataset-fashion-mnist".
        folder: an absolute, existing, writable folder; the lists and the archive remain in it.

    Returns:
        The folder that corresponds to the package's `/`.

    Raises:
        OSError: not a Debian-family system, or one of the commands failed; the message says why.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise OSError("this system has no apt-get and dpkg-deb.")
    print(
        f"fastcnn: fetching the system's package {package} with apt-get "
        "(into a private folder, not installed; no root needed)",
        file=sys.stderr,
    )
    lists, cache, root = (folder / name for name in ("lists", "cache", "root"))
    for needed in (lists / "partial", cache / "archives" / "partial", root):
        needed.mkdir(parents=True, exist_ok=True)
    configuration = folder / "apt.conf"
    configuration.write_text(CONFIGURATION)
    apt = ["apt-get", "-qq", "-c", configuration]
    apt += ["-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]
    # An update also "fails" if any one of several sources does not respond. Only the download shows
    # whether the package's own source is available.
    updated = _run([*apt, "update"], folder)
    downloaded = _run([*apt, "download", package], folder)
    archives = sorted(folder.glob(f"{package}_*.deb"))
    if downloaded.returncode or not archives:
        raise OSError(f"apt-get download {package} failed: {_complaint(downloaded, updated)}")
    unpacked = _run(["dpkg-deb", "-x", archives[-1], root], folder)
    if unpacked.returncode:
        raise OSError(f"dpkg-deb -x failed: {_complaint(unpacked)}")
    return root


def _run(command, folder):
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command[0]} did not finish within {TIMEOUT} seconds.") from error


def _complaint(*results):
    """The last lines of the commands' output, joined into one line."""
    lines = [line for result in results for line in result.stdout.strip().splitlines()[-2:]]
    return " ".join(lines) or f"exit code {results[0].returncode}."
