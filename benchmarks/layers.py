"""Every layer, activation, loss and optimizer of fastcnn against other frameworks.

    python -m benchmarks.layers                                 everything, about 40 minutes
    python -m benchmarks.layers --only gelu,LayerNormalization --sizes typical
    python -m benchmarks.layers --kinds losses,optimizers --peers fastcnn,torch
    python -m benchmarks.layers --read build/layers.json        the tables of an earlier run

The rows are in benchmarks/layer_rows.py: at least one for every registered name, in three sizes, at
batch 32. Measured are, for layers and activations, the forward pass of inference ("forward") and
both passes of training with the gradients of inputs and weights ("both"); for losses the loss
alone, and the loss with its gradient; for optimizers an update. Each framework gets the arrays in
its own memory and layout (channels last), and returns its results there:

- fastcnn runs a layer's step alone, without what a model fuses with it.
- Keras makes the same layer in a `tf.function`, with and without XLA: whichever is faster.
- PyTorch runs the same function of torch.nn or torch.optim eagerly, where it has one.
- ONNX Runtime and OpenVINO run the model that fastcnn exports, with a fixed batch size and without
  changes of layout at its inputs and output; only forward.

A peer whose results differ from fastcnn's for the same weights and data is reported and not timed.
Layers that draw random numbers are not compared, and their forward pass is that of training. Peers
take turns as in `benchmarks.compare`. A figure is the median of all rounds in microseconds; with
--minima it is the minimum, for a busy machine. A ratio is the time of the fastest peer over that of
fastcnn; the table has the worst first. The results are written to a JSON file after every row, so
that an interrupted run keeps them; "-" in a table means that the peer does not have the row.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from benchmarks.layer_data import difference
from benchmarks.layer_report import report
from benchmarks.layer_rows import KINDS, ROWS, SIZES, missing
from benchmarks.peak import cpu_count, fma_peak, instruction_sets
from benchmarks.peers import PEERS
from benchmarks.report import origin
from benchmarks.session import PeerAbsentError, PeerError, close, start

TOLERANCE = 2e-4  # relative, of checksums


def main(arguments=None):
    options = parse(arguments)
    if options.read:
        results = json.loads(Path(options.read).read_text(encoding="utf-8"))
    else:
        results = measure(options)
    text = report(results, options.minima)
    print(text)
    if options.markdown:
        Path(options.markdown).write_text(text + "\n", encoding="utf-8")


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.layers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    several = {"type": lambda text: text.split(",")}
    add("--only", **several, help="names such as Conv2D or adam (default: all)")
    add("--kinds", **several, default=list(KINDS), help=f"some of {','.join(KINDS)}")
    add("--sizes", **several, default=list(SIZES), help=f"some of {','.join(SIZES)}")
    add("--peers", **several, default=list(PEERS), help=f"some of {','.join(PEERS)}")
    add("--rounds", type=int, default=3, help="number of rounds (3)")
    add("--seconds", type=float, default=0.1, help="duration of a measurement (0.1)")
    add("--threads", type=int, default=cpu_count(), help="threads per peer (all processors)")
    add("--isa", choices=instruction_sets(), help="limit fastcnn to it; avx2 also limits oneDNN")
    add(
        "--peer-python",
        **several,
        default=[sys.executable],
        help="interpreters for the peers; each peer uses the first one that has it",
    )
    add("--json", metavar="FILE", default="build/layers.json", help="results (build/layers.json)")
    add("--markdown", metavar="FILE", help="also write the tables to this file")
    add("--minima", action="store_true", help="minima instead of medians, on a busy machine")
    add("--no-compilers", action="store_true", help="without XLA")
    add("--read", metavar="FILE", help="print the tables of this JSON file, measure nothing")
    options = parser.parse_args(arguments)
    names = {row.name for row in ROWS.values()}
    for kind, given, known in (
        ("name", options.only, names),
        ("kind", options.kinds, KINDS),
        ("size", options.sizes, SIZES),
        ("peer", options.peers, PEERS),
    ):
        for name in given or ():
            if name not in known:
                parser.error(f"unknown {kind} {name!r}; known: {', '.join(sorted(known))}")
    if "fastcnn" not in options.peers:
        parser.error("fastcnn must be one of the peers")
    return options


def say(text):
    print(text, file=sys.stderr, flush=True)


def chosen(options):
    """[(title, size, phase)] of everything to measure, row by row."""
    return [
        (row.title, size, phase)
        for row in ROWS.values()
        if row.kind in options.kinds and (not options.only or row.name in options.only)
        for size in SIZES
        if size in options.sizes
        for phase in row.passes
    ]


def measure(options):
    """The results as they are written to the JSON file; Ctrl-C or a SIGTERM only ends the run.

    {"date": ..., "origin": text, "peers": [...], "rows": [{"row": title, "kind": ..., "size": ...,
    "phase": ..., "shape": ..., "ms": {peer: [...]}, "methods": {peer: ...}, "notes": {peer: why it
    was not timed}}]}
    """
    if missing():
        raise SystemExit(f"Without a row in benchmarks/layer_rows.py: {', '.join(missing())}")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as KeyboardInterrupt
    sessions = start_peers(options)
    cases, date = chosen(options), time.strftime("%Y-%m-%d")
    results = {"date": date, "origin": "", "peers": list(sessions), "rows": []}
    versions = {k: v for session in sessions.values() for k, v in session.versions.items()}
    peaks = []
    try:
        for index, case in enumerate(cases):
            if index % 50 == 0:
                peaks.append(fma_peak(options.threads, options.isa, runs=1))
            row = measure_case(sessions, case, options)
            results["rows"].append(row)
            say(f"{index + 1} of {len(cases)}: {', '.join(case)}: {summary(row)}")
            results["origin"] = origin(
                "benchmarks.layers", versions, options.threads, peaks, options.isa
            )
            save(results, options.json)
    except KeyboardInterrupt:
        say("Interrupted; the tables have the rows measured so far.")
    finally:
        close(sessions)
        signal.signal(signal.SIGTERM, before)
    return results


def start_peers(options):
    """{peer: Session}, each in the first of the given interpreters that has its packages."""
    sessions = {}
    for python in options.peer_python:
        wanted = [peer for peer in options.peers if peer not in sessions]
        is_last = python == options.peer_python[-1]
        sessions |= start(wanted, python, options.threads, options.isa, quiet=not is_last)
    for session in sessions.values():
        session.ask("compilers", use=not options.no_compilers)
    return {peer: sessions[peer] for peer in options.peers if peer in sessions}


def measure_case(sessions, case, options):
    """One row of the results: the peers are checked, then timed in turn."""
    title, size, phase = case
    asked = {"row": title, "size": size, "phase": phase}
    row = asked | {"kind": ROWS[title].kind, "shape": str(ROWS[title].shape(size))}
    row |= {"ms": {}, "methods": {}, "notes": {}}

    def ask(peer, seconds):
        try:
            return sessions[peer].ask("row", **asked, seconds=seconds)
        except PeerAbsentError:
            pass
        except PeerError as error:
            row["notes"][peer] = str(error)
            if not sessions[peer].is_alive:
                sessions[peer] = sessions[peer].restarted()
                sessions[peer].ask("compilers", use=not options.no_compilers)
        return None

    answers = {peer: ask(peer, 0) for peer in sessions}
    ours, agreed = answers["fastcnn"], []
    for peer, answer in answers.items():
        if ours is None or answer is None:
            continue
        found = 0.0 if ROWS[title].random else difference(ours["sums"], answer["sums"])
        if found <= TOLERANCE:
            agreed.append(peer)
        else:
            row["notes"][peer] = f"results differ by {found:.1e}"
    for index in range(options.rounds):
        begin = index % max(len(agreed), 1)
        for peer in agreed[begin:] + agreed[:begin]:
            answer = ask(peer, options.seconds)
            if answer is not None:
                row["ms"].setdefault(peer, []).extend(answer["ms"])
                row["methods"][peer] = answer["method"]
    return row


def summary(row):
    """The minima in microseconds, for the progress."""
    times = (f"{peer} {1e3 * min(ms):.3g}" for peer, ms in row["ms"].items())
    return ", ".join([*times, *(f"{peer}: {note}" for peer, note in row["notes"].items())])


def save(results, path):
    """Write the JSON file; a program that is killed meanwhile leaves the one before."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(results), encoding="utf-8")
    new.replace(path)


if __name__ == "__main__":
    main()
