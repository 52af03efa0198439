"""Unchanged scripts: `python -m fastcnn script.py`, `install_as_keras`, third-party callbacks."""

import os
import subprocess
import sys
import textwrap

import pytest

import fastcnn
from tests.support.paths import ROOT

SCRIPT = """
import sys
import numpy as np
import tensorflow as tf
import keras
import tensorflow.keras.backend as K
from tensorflow import keras as same
from tensorflow.keras import layers, models
from tensorflow.keras.layers import Dense
from keras.utils import to_categorical
import helper

assert keras is same is tf.keras
assert layers.Dense is Dense is keras.layers.Dense
tf.random.set_seed(0)
model = models.Sequential([keras.Input((4,)), Dense(3, activation="softmax")])
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
x = np.random.default_rng(0).random((32, 4)).astype("float32")
model.fit(x, to_categorical(np.arange(32) % 3), epochs=1, verbose=0)
print(model.predict(x, verbose=0).shape, K.floatx(), helper.NAME, sys.argv, __name__, __file__)

class Mine:
    pass

import pickle
assert type(pickle.loads(pickle.dumps(Mine()))) is Mine
if "fail" in sys.argv:
    raise ValueError("on purpose")
if "quit" in sys.argv:
    sys.exit(7)
"""


def run(*arguments, cwd, **environment):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "script.py").write_text(SCRIPT, "utf-8")
    (tmp_path / "work" / "helper.py").write_text("NAME = 'beside the script'\n", "utf-8")
    return tmp_path


def test_a_script_runs_unchanged(folder):
    path = os.path.join("work", "script.py")
    done = run("-m", "fastcnn", path, "a", "-b", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"(32, 3) float32 beside the script {[path, 'a', '-b']} __main__ {path}\n"
    )


def test_tracebacks_and_exit_statuses_are_those_of_the_script(folder):
    done = run("-m", "fastcnn", "work/script.py", "fail", cwd=folder)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].endswith('work/script.py", line 28, in <module>')
    assert lines[2] == '    raise ValueError("on purpose")'
    assert lines[-1] == "ValueError: on purpose"
    assert "fastcnn" not in done.stderr
    assert run("-m", "fastcnn", "work/script.py", "quit", cwd=folder).returncode == 7


def test_errors_of_the_command(tmp_path):
    done = run("-m", "fastcnn", "nowhere.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "can't open 'nowhere.py': No such file" in done.stderr
    done = run("-m", "fastcnn", "--wrong", cwd=tmp_path)
    assert done.returncode == 2
    assert "Unknown option: --wrong" in done.stderr
    assert "usage: " in run("-m", "fastcnn", "--help", cwd=tmp_path).stdout
    (tmp_path / "broken.py").write_text("x = (\n", "utf-8")
    done = run("-m", "fastcnn", "broken.py", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith('  File "broken.py", line 1')


def test_without_arguments_it_prints_the_version(tmp_path):
    done = run("-m", "fastcnn", cwd=tmp_path)
    assert done.returncode == 0
    assert fastcnn.__version__ in done.stdout


def test_it_is_never_implicit(tmp_path):
    code = "import sys, fastcnn, fastcnn.tf; print({'keras', 'tensorflow'} & {*sys.modules})"
    assert run("-c", code, cwd=tmp_path).stdout == "set()\n"


PROGRAM = """
import sys
import fastcnn
fastcnn.install_as_keras()
fastcnn.install_as_keras()
import keras.layers as layers
from tensorflow.keras.optimizers.schedules import ExponentialDecay
from tensorflow.keras.datasets import mnist
import tensorflow as tf
assert layers is fastcnn.layers
assert ExponentialDecay is fastcnn.optimizers.schedules.ExponentialDecay
assert mnist is fastcnn.datasets.mnist
import keras
assert keras.__version__ == tf.keras.__version__ == "3.15.1"
assert "layers" in dir(keras)
assert tf is fastcnn.tf and tf.image is __import__("tensorflow.image").image
for statement in ("import keras.applications.vgg16", "from tensorflow import sparse",
                  "import tensorflow.compat.v1", "from keras import nothing"):
    try:
        exec(statement)
    except ImportError as error:
        print(error)
from fastcnn.utils.as_keras import uninstall_as_keras
uninstall_as_keras()
assert not [n for n in sys.modules if n.partition(".")[0] in ("keras", "tensorflow")]
assert fastcnn.layers is layers
assert tf.keras is fastcnn
import types
sys.modules["keras"] = types.ModuleType("keras")
try:
    fastcnn.install_as_keras()
except RuntimeError as error:
    print(error)
"""


def test_install_as_keras(tmp_path):
    done = run("-c", PROGRAM, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    missing, sparse, compat, nothing, refused = done.stdout.splitlines()
    assert "pretrained networks are not included" in missing
    assert "no sparse or ragged data" in sparse
    assert "no graph" in compat
    assert "nothing" in nothing
    assert "Already imported: keras" in refused


def test_keras_below_tf(tmp_path):
    code = "from fastcnn.tf.keras.layers import Dense as A; from fastcnn.layers import Dense as B"
    code += "; print(A is B)"
    assert run("-c", code, cwd=tmp_path).stdout == "True\n"


# ---------------------------------------------------------------------------- third-party callbacks

FIT = """
import numpy as np
import tensorflow as tf
from tensorflow import keras
x = np.random.default_rng(0).random((32, 4)).astype("float32")
y = np.arange(32) % 3
def fit(*callbacks, epochs=2):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, epochs=epochs, verbose=0, validation_split=0.25, callbacks=list(callbacks))
    return model
"""
CALLBACKS = {
    "optuna_integration": """
        import optuna
        from optuna_integration import KerasPruningCallback
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        seen = []
        def objective(trial):
            model = fit(KerasPruningCallback(trial, "val_loss"))
            seen.append(len(trial.storage.get_trial(trial._trial_id).intermediate_values))
            return model.evaluate(x, y, verbose=0)[0]
        optuna.create_study().optimize(objective, n_trials=2)
        print(seen)
    """,
    "mlflow": """
        import mlflow
        from mlflow.keras import MlflowCallback
        mlflow.set_tracking_uri("sqlite:///runs.db")
        with mlflow.start_run() as run:
            fit(MlflowCallback())
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "val_loss")
        print([len(history)])
    """,
    "wandb": """
        import wandb
        from wandb.integration.keras import WandbMetricsLogger
        run = wandb.init(mode="offline", project="p")
        fit(WandbMetricsLogger())
        print([run.step])
        run.finish()
    """,
}


@pytest.mark.parametrize("package", CALLBACKS)
def test_callbacks_of_other_packages(package, tmp_path):
    """With the packages themselves, offline."""
    pytest.importorskip(package, reason=f"{package} is not installed")
    script = tmp_path / "script.py"
    script.write_text(FIT + textwrap.dedent(CALLBACKS[package]), "utf-8")
    done = run("-m", "fastcnn", "script.py", cwd=tmp_path, WANDB_SILENT="true")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] in ("[2, 2]", "[2]")
