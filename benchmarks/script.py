"""Whole scripts, from process start to printed result: `compare --script`.

Both frameworks run the same script, except for its first line, in a new process each time, on the
same local files. Time, peak memory and the printed accuracy are recorded. With several runs, each
of which has another seed, the accuracies must be plausible as further draws from those of Keras:
within the prediction interval mean +- t s sqrt(1 + 1 / runs) of a normal distribution.
"""

import gzip
import math
import os
import re
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks import ROOT
from benchmarks.peak import fma_peak
from benchmarks.report import conditions
from benchmarks.session import environment

TUTORIAL = """\
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
RESNET20 = """\
{import_line}
import numpy as np
from tests.support.graphs import resnet20

keras.utils.set_random_seed({seed})
(x_train, y_train), (x_test, y_test) = keras.datasets.fashion_mnist.load_data()
x_train, x_test = (
    np.pad(x / np.float32(255), ((0, 0), (2, 2), (2, 2)))[..., None] for x in (x_train, x_test)
)
x_train, y_train = x_train[:{limit}], y_train[:{limit}]
model = resnet20(keras, (32, 32, 1))
steps = {epochs} * -(-len(x_train) // 32)
drops, rates = [steps // 2, steps * 3 // 4], [1e-3, 3e-4, 1e-4]
rate = keras.optimizers.schedules.PiecewiseConstantDecay(drops, rates)
loss = "sparse_categorical_crossentropy"
model.compile(optimizer=keras.optimizers.Adam(rate), loss=loss, metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs={epochs}, verbose=2)
print(model.evaluate(x_test, y_test, verbose=0))
"""
SCRIPTS = {
    "tutorial": ("the tutorial's script", TUTORIAL),
    "resnet20": ("ResNet-20 on Fashion-MNIST", RESNET20),
}
STUDENT = (63.66, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.25)  # two-sided p = 0.01
COLUMNS = [
    ["script", "text"],
    ["seconds", "seconds"],  # median, shortest, longest
    ["times", "times"],  # the shortest over that of fastcnn
    ["peak MB", "count"],
    ["test accuracy", "accuracies"],
    ["test loss", "losses"],
]
IMPORTS = {"fastcnn": "import fastcnn as keras", "keras": "import keras"}


class Run(NamedTuple):
    seconds: float
    megabytes: float  # peak resident memory
    loss: float
    accuracy: float


def report(options, folder):
    """The results of the script's runs: fastcnn and Keras alternately, `--rounds` times."""
    home = keras_home(folder)
    runs, versions = {peer: [] for peer in IMPORTS if peer in options.peers}, {}
    title, text = SCRIPTS[options.script]
    for seed in range(options.rounds if "--rounds" in sys.argv else 1):
        for peer in list(runs):
            python = sys.executable if peer == "fastcnn" else options.peer_python
            print(f"the script with {peer}", file=sys.stderr, flush=True)
            settings = {"seed": seed, "epochs": options.epochs, "limit": options.limit}
            script = text.format(import_line=IMPORTS[peer], **settings)
            try:
                runs[peer].append(run(peer, python, script, options, home))
                versions[peer] = version(peer, python)
            except RuntimeError as error:
                print(f"{peer}: absent ({error})", file=sys.stderr)
                del runs[peer]
    rows, ours = [], min((r.seconds for r in runs.get("fastcnn", ())), default=None)
    for peer, results in runs.items():
        seconds = sorted(result.seconds for result in results)
        rows.append(
            [
                IMPORTS[peer],
                [seconds[len(seconds) // 2], seconds[0], seconds[-1]],
                seconds[0] / ours if ours else None,
                max(result.megabytes for result in results),
                [result.accuracy for result in results],
                [result.loss for result in results],
            ]
        )
    peaks = [fma_peak(options.threads, options.isa)]
    return {
        **conditions("benchmarks.compare", versions, options.threads, peaks, options.isa),
        "tables": [{"title": title, "columns": COLUMNS, "rows": rows}],
        "notes": plausible(runs),
    }


def plausible(runs):
    """A list of one sentence on fastcnn's accuracies and the prediction interval of Keras's."""
    keras, ours = ([run.accuracy for run in runs.get(peer, ())] for peer in ("keras", "fastcnn"))
    if not ours or not 2 <= len(keras) <= len(STUDENT) + 1:
        return []
    mean, count = statistics.mean(keras), len(keras)
    reach = STUDENT[count - 2] * statistics.stdev(keras) * math.sqrt(1 + 1 / count)
    within = sum(abs(accuracy - mean) <= reach for accuracy in ours)
    return [
        f"Accuracy: Keras {mean:.4f} on average, 99 % prediction interval {mean - reach:.4f} to "
        f"{mean + reach:.4f}; {within} of {len(ours)} of fastcnn's are in it, "
        f"{statistics.mean(ours):.4f} on average."
    ]


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


def run(peer, python, text, options, home):
    """Run a script once in a new process; raises RuntimeError with its last line of output."""
    path = Path(home) / f"script_{peer}.py"
    path.write_text(text, encoding="utf-8")
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
