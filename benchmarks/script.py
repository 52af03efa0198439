"""The tutorial's whole script, from process start to printed result: `compare --script`.

Both frameworks run the same script, except for its first line, in a new process each time, on the
same local files. Time, peak memory and the printed accuracy are recorded.
"""

import gzip
import os
import re
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import ROOT
from benchmarks.peak import fma_peak
from benchmarks.report import origin, table
from benchmarks.session import environment

TEXT = """\
{import_line}
import numpy as np
fashion_mnist=keras.datasets.fashion_mnist
(train_images,train_labels),(test_images,test_labels)=fashion_mnist.load_data()
train_images=train_images/255.0
test_images=test_images/255.0
model=keras.models.Sequential([
    keras.layers.Conv2D(64,(3,3),activation='relu',input_shape=(28,28,1)),
    keras.layers.MaxPooling2D(2,2),
    keras.layers.Conv2D(64,(3,3),activation='relu'),
    keras.layers.MaxPooling2D(2,2),
    keras.layers.Flatten(),
    keras.layers.Dense(128,activation='relu'),
    keras.layers.Dense(10,activation='softmax')
    ])
print(model.summary())
model.compile(optimizer='adam',loss='sparse_categorical_crossentropy',metrics=['accuracy'])
model.fit(train_images.reshape(-1,28,28,1),train_labels,epochs=5)
print(model.evaluate(test_images.reshape(-1,28,28,1),test_labels))
"""
IMPORTS = {"fastcnn": "import fastcnn as keras", "keras": "import keras"}


class Run(NamedTuple):
    seconds: float
    megabytes: float  # peak resident memory
    loss: float
    accuracy: float


def report(options, folder):
    """The Markdown table of the script's runs: fastcnn and Keras alternately, `--rounds` times."""
    home = keras_home(folder)
    runs, versions = {peer: [] for peer in IMPORTS if peer in options.peers}, {}
    for _ in range(options.rounds if "--rounds" in sys.argv else 1):
        for peer in list(runs):
            python = sys.executable if peer == "fastcnn" else options.peer_python
            print(f"the script with {peer}", file=sys.stderr, flush=True)
            try:
                runs[peer].append(run(peer, python, options, home))
                versions[peer] = version(peer, python)
            except RuntimeError as error:
                print(f"{peer}: absent ({error})", file=sys.stderr)
                del runs[peer]
    head = ["the tutorial's script", "seconds", "times", "peak MB", "test accuracy", "test loss"]
    rows, ours = [], min((r.seconds for r in runs.get("fastcnn", ())), default=None)
    for peer, results in runs.items():
        seconds = sorted(result.seconds for result in results)
        middle = seconds[len(seconds) // 2]
        rows.append(
            (
                IMPORTS[peer],
                f"{middle:.1f} ({seconds[0]:.1f}-{seconds[-1]:.1f})",
                f"{seconds[0] / ours:.2f}" if ours else "-",
                f"{max(result.megabytes for result in results):.0f}",
                " ".join(f"{result.accuracy:.4f}" for result in results),
                " ".join(f"{result.loss:.3f}" for result in results),
            )
        )
    peaks = [fma_peak(options.threads, options.isa)]
    head_lines = origin("benchmarks.compare", versions, options.threads, peaks, options.isa)
    return f"{head_lines}\n\n{table(head, rows)}"


def keras_home(folder):
    """A folder with the layout of Keras's cache, which both can read: four gzipped IDX files."""
    from fastcnn.datasets import fashion_mnist

    target = Path(folder) / "datasets" / "fashion-mnist"
    target.mkdir(parents=True)
    for prefix, (images, labels) in zip(("train", "t10k"), fashion_mnist.load_data(), strict=True):
        for name, array in ((f"{prefix}-images-idx3", images), (f"{prefix}-labels-idx1", labels)):
            header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
            with gzip.open(target / f"{name}-ubyte.gz", "wb", compresslevel=6) as file:
                file.write(header + array.tobytes())
    return folder


def version(peer, python):
    command = [python, "-c", f"import {peer}; print({peer}.__version__)"]
    return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL, cwd=ROOT).strip()


def run(peer, python, options, home):
    """Run the script once in a new process; raises RuntimeError with its last line of output."""
    path = Path(home) / f"tutorial_{peer}.py"
    path.write_text(TEXT.format(import_line=IMPORTS[peer]), encoding="utf-8")
    variables = environment(options.threads, options.isa)
    variables |= {"KERAS_HOME": str(home), "KERAS_BACKEND": "tensorflow"}
    variables["FASTCNN_DATA"] = str(Path(home) / "datasets" / "fashion-mnist")
    variables["TF_NUM_INTRAOP_THREADS"] = str(options.threads)
    variables["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), *filter(None, [variables.get("PYTHONPATH")])]
    )
    output = Path(home) / "output.txt"
    with output.open("w+") as file:
        begin = time.perf_counter()
        process = subprocess.Popen([python, str(path)], stdout=file, stderr=file, env=variables)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    text = output.read_text(errors="replace")
    if process.returncode:
        raise RuntimeError((text.strip() or "no output").splitlines()[-1])
    loss, accuracy = re.findall(r"\[([\d.]+), ([\d.]+)\]", text)[-1]
    return Run(seconds, usage.ru_maxrss / 1024, float(loss), float(accuracy))
