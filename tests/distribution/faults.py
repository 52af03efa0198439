"""`mpiexec -n N python -m tests.distribution.faults KIND FOLDER`: something fails on the last rank.

With KIND "none" the same training runs to its end, or resumes, and prints a checksum.
"""

import os
import signal
import sys
import time
import zlib

import fastcnn as keras
from tests.distribution import cases

TIMEOUT = 2.0


class Fault(keras.callbacks.Callback):
    """Fails in step 7, in the second epoch."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.steps = 0

    def on_train_batch_end(self, batch, logs=None):
        distribution = keras.distribution.distribution()
        self.steps += 1
        if self.steps != 7:
            return
        if self.kind == "all":
            raise OSError("The disk of every rank is full.")
        if distribution.data_shard_id != distribution.num_processes - 1:
            return
        if self.kind == "raise":
            raise OSError("The disk of the last rank is full.")
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.kind == "sleep":
            time.sleep(1000)
        if self.kind == "exit":
            sys.exit(0)
        if self.kind == "weights":
            self.model.layers[4].gamma.assign(self.model.layers[4].gamma.value + 1)


def main(kind, folder):
    keras.distribution.set_distribution(keras.distribution.DataParallel(timeout=TIMEOUT))
    keras.utils.set_random_seed(1)
    x, y = cases.images(80)
    model = cases.chain()
    callbacks = [Fault(kind), keras.callbacks.BackupAndRestore(folder, save_freq=3)]
    try:
        model.fit(x, y, batch_size=16, epochs=3, callbacks=callbacks, verbose=0)
    finally:
        print("unwound", flush=True)
    if keras.distribution.distribution().data_shard_id == 0:
        print("weights", zlib.crc32(model.store.read()))


if __name__ == "__main__":
    main(*sys.argv[1:])
