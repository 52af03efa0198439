"""Kill a process repeatedly while it is saving: `python -m tests.support.kills 1000`.

A child writes the same model file over and over, each time with different weights (and weight files
next to it), and is killed at a random moment. After each kill the file must be readable and
complete: all its weights are of one version. The next save removes what killed children left.
"""

import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import fastcnn as keras

LONGEST = 0.03  # seconds until a kill


def model():
    net = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    net.compile("adam", "mse")
    return net


def set_version(net, version):
    """Set every weight to the version."""
    net.set_weights([np.full(weight.shape, version) for weight in net.get_weights()])


def version_of(net):
    """The version that all weights have in common."""
    versions = {float(value) for weight in net.get_weights() for value in np.unique(weight)}
    assert len(versions) == 1, f"weights of {len(versions)} versions in one file"
    return versions.pop()


def save_forever(net, folder, version):
    while True:
        version += 1
        set_version(net, version)
        net.save(folder / "m.keras")
        net.save_weights(folder / "w.weights.h5")
        net.save_weights(folder / "w.npz")


def run(kills, folder, seed=0):
    """Kill `kills` children; return (number killed during a save, number of versions read).

    Raises:
        Exception: a file cannot be read or is incomplete.
    """
    folder = Path(folder)
    chance = random.Random(seed)
    net, reader = model(), model()
    set_version(net, 0)
    files = (folder / "m.keras", folder / "w.weights.h5", folder / "w.npz")
    net.save(files[0])
    for path in files[1:]:
        net.save_weights(path)
    within, versions = 0, set()
    for _ in range(kills):
        start = int(version_of(keras.models.load_model(files[0])))
        child = os.fork()
        if child == 0:
            try:
                save_forever(net, folder, start)
            finally:
                os._exit(1)
        time.sleep(chance.uniform(0.001, LONGEST))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        within += any(entry.name.endswith(".tmp") for entry in folder.iterdir())
        versions.add(version_of(keras.models.load_model(files[0])))
        for path in files[1:]:
            reader.load_weights(path)
            version_of(reader)
    set_version(net, 0)
    net.save(files[0])
    for path in files[1:]:
        net.save_weights(path)
    left = sorted(entry.name for entry in folder.iterdir())
    assert left == sorted(path.name for path in files), f"left behind: {left}"
    return within, len(versions)


def main():
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        within, versions = run(kills, folder, seed=int(time.time()))
    seconds = time.perf_counter() - begin
    print(
        f"{kills} kills in {seconds:.0f} s, {within} of them during a save: every file was "
        f"complete ({versions} different versions read), no temporary files were left."
    )


if __name__ == "__main__":
    main()
