"""Importing, training, saving and loading open no connection and start no process."""

import subprocess
import sys

from tests.support.paths import ROOT

PROGRAM = """
import sys
import h5py  # runs `uname` when it is imported

WATCHED = ("socket.", "subprocess.", "urllib.", "http.", "ftplib.", "smtplib.", "os.system",
           "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.", "webbrowser.")

def watch(event, arguments):
    if event.startswith(WATCHED):
        print("seen:", event, arguments, flush=True)

sys.addaudithook(watch)

import numpy as np
import fastcnn as keras

model = keras.Sequential([
    keras.Input((8, 8, 1)),
    keras.layers.Conv2D(4, 3, activation="relu"),
    keras.layers.MaxPooling2D(),
    keras.layers.Flatten(),
    keras.layers.Dense(3, activation="softmax"),
])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
x, y = np.ones((40, 8, 8, 1)), np.zeros(40)
backup = keras.callbacks.BackupAndRestore(sys.argv[1] + "/backup")
model.fit(x, y, epochs=2, verbose=0, validation_split=0.5, callbacks=[backup])
model.evaluate(x, y)
model.predict(x)
model.save(sys.argv[1] + "/m.keras")
keras.models.load_model(sys.argv[1] + "/m.keras").summary()
keras.show_config()
print("done")
"""


def test_no_connection_is_opened_and_no_process_started(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "seen:" not in done.stdout, done.stdout
    assert "done" in done.stdout
