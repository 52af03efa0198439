"""Fuzz a loader with atheris: `python -m tests.fuzz.run h5 --runs 1000000` (or `all`).

The fuzzer is guided by the coverage of the loaders' Python code. A finding is any exception other
than ValueError and OSError, more than 10 seconds, or more than 256 MiB in addition to the memory at
the start; the input is stored in the folder `--keep`, and the run ends.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("keras", "config", "h5", "npz", "state", "idx", "gz")
SECONDS = 10
MEGABYTES = 256


def fuzz(name, runs, keep, seconds):
    """Run one fuzzer in this process, which it terminates."""
    import atheris

    with atheris.instrument_imports(include=["fastcnn"]):
        from tests.fuzz import targets
    root = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    folder = root / "corpus"
    folder.mkdir()
    for index, seed in enumerate(targets.SEEDS[name]):
        (folder / str(index)).write_bytes(seed)
    dictionary = root / "words"
    dictionary.write_text("".join(f'"\\"{word}\\""\n' for word in targets.words()), "utf-8")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    target = targets.TARGETS[name]

    def one_input(data):
        target(data)

    atheris.Setup(
        [
            sys.argv[0],
            f"-runs={runs}",
            f"-max_total_time={seconds}",
            f"-timeout={SECONDS}",
            f"-rss_limit_mb={used + MEGABYTES}",
            f"-artifact_prefix={keep}/{name}-",
            f"-dict={dictionary}",
            "-max_len=65536",
            "-len_control=0",
            "-keep_seed=1",  # valid files all follow the same code path
            "-print_final_stats=1",
            str(folder),
        ],
        one_input,
    )
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=(*NAMES, "all"))
    parser.add_argument("--runs", type=int, default=1_000_000, help="inputs to try")
    parser.add_argument("--seconds", type=int, default=0, help="time limit; 0: none")
    parser.add_argument("--keep", default=".", help="folder for the inputs of findings")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        fuzz(arguments.name, arguments.runs, arguments.keep, arguments.seconds)
        return
    failed = False
    for name in NAMES if arguments.name == "all" else (arguments.name,):
        command = [sys.executable, "-m", "tests.fuzz.run", name, "--inside"]
        command += ["--runs", str(arguments.runs), "--seconds", str(arguments.seconds)]
        begin = time.perf_counter()
        done = subprocess.run(
            [*command, "--keep", os.path.abspath(arguments.keep)],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            check=False,
        )
        stats = dict(
            line.removeprefix("stat::").split(":", 1)
            for line in done.stderr.splitlines()
            if line.startswith("stat::")
        )
        executed = int(stats.get("number_of_executed_units", 0))
        peak = int(stats.get("peak_rss_mb", 0))
        verdict = "no finding" if done.returncode == 0 else "A FINDING"
        seconds = time.perf_counter() - begin
        print(f"{name}: {executed:,} inputs in {seconds:.0f} s, {verdict}, peak {peak} MB")
        if done.returncode:
            failed = True
            print(done.stderr[-4000:], file=sys.stderr)
    sys.exit(failed)


if __name__ == "__main__":
    main()
