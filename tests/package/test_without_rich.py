"""rich draws tables and bars in a terminal; without it everything else works."""

import subprocess
import sys

from tests.support.paths import ROOT

PROGRAM = """
import sys
sys.modules["rich"] = None  # as if it were not installed
import numpy as np
import fastcnn as keras
from fastcnn.datasets import fetch

model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.summary()
model.fit(np.ones((70, 2)), np.zeros(70))
keras.show_config()
with fetch.progress_bar() as progress:
    progress.update(progress.add_task("download", total=2), completed=1)
"""


def test_without_rich():
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stderr == ""
    assert "│ dense (Dense) " in done.stdout
    assert "\n3/3 ━" in done.stdout


def test_files_do_not_need_rich():
    """It is imported for terminals only."""
    program = PROGRAM.partition("with fetch")[0].replace('sys.modules["rich"] = None', "")
    command = [sys.executable, "-c", f"{program}\nassert 'rich' not in sys.modules"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
