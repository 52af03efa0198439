"""The package's public interface: names, import cost, the tutorial's script, docstring examples."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import numpy as np
import pytest

import fastcnn
from tests.support import bytecode

TUTORIAL = """
import fastcnn as keras
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


def test_tutorial_script_runs_unchanged(monkeypatch, capsys):
    """On a few synthetic images whose brightness depends on the class."""
    rng = np.random.default_rng(0)

    def load_data():
        def part(n):
            labels = rng.integers(0, 10, n).astype(np.uint8)
            noise = rng.integers(0, 10, (n, 28, 28))
            return (labels[:, None, None] * 25 + noise).astype(np.uint8), labels

        return part(640), part(64)

    monkeypatch.setattr(fastcnn.datasets.fashion_mnist, "load_data", load_data)
    fastcnn.utils.clear_session()
    fastcnn.utils.set_random_seed(0)
    space = {}
    exec(TUTORIAL, space)
    out = capsys.readouterr().out
    assert 'Model: "sequential"' in out
    assert "Total params: 243,786 (952.29 KB)" in out
    assert "\nNone\n" in out
    for epoch in range(1, 6):
        assert f"Epoch {epoch}/5\n20/20 ━" in out
    loss, accuracy = space["model"].evaluate(
        space["test_images"].reshape(-1, 28, 28, 1), space["test_labels"], verbose=0
    )
    assert out.splitlines()[-1] == str([loss, accuracy])
    history = space["model"].history.history
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def test_from_fastcnn_import_keras():
    from fastcnn import keras

    assert keras is fastcnn
    assert keras.layers.Conv2D is fastcnn.layers.Conv2D
    code = "from fastcnn import keras; import fastcnn.keras; print(keras.Sequential.__name__)"
    assert run(code) == "Sequential"


def test_modules_are_not_duplicated():
    """`from tensorflow.keras.layers import ...` becomes `from fastcnn.keras.layers import ...`."""
    code = """
from fastcnn.keras.datasets import mnist
from fastcnn.keras.layers import Dense
from fastcnn.keras.models import Sequential
from fastcnn.keras.optimizers.schedules import ExponentialDecay
import fastcnn.keras.utils
import fastcnn as same
assert mnist is same.datasets.mnist
assert Dense is same.layers.Dense
assert Sequential is same.Sequential
assert ExponentialDecay is same.optimizers.schedules.ExponentialDecay
assert fastcnn.keras.utils is same.utils
assert mnist.__spec__.name == "fastcnn.datasets.mnist"
try:
    import fastcnn.keras.nothing
except ModuleNotFoundError as error:
    print(error)
"""
    assert "fastcnn.nothing" in run(code)


def test_public_names_exist():
    for name in fastcnn.__all__:
        assert getattr(fastcnn, name) is not None
        assert name in dir(fastcnn)
    assert fastcnn.models.Sequential is fastcnn.Sequential
    assert fastcnn.losses.mse is fastcnn.losses.mean_squared_error  # names of tensorflow.keras
    assert fastcnn.metrics.KLD is fastcnn.metrics.kl_divergence
    with pytest.raises(AttributeError, match=r"attribute 'image': .* `preprocessing.image`"):
        _ = fastcnn.image
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = fastcnn.nonsense


def run(code, **settings):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, **settings
    ).stdout.strip()


def test_import_is_fast(tmp_path):
    """Less than 0.2 s of CPU time beyond NumPy (best of five), and no heavy module is imported."""
    heavy = {"rich", "h5py", "onnx", "numpy.polynomial", "random", "signal"}
    code = (
        "import numpy, os, sys; before = set(sys.modules); begin = sum(os.times()[:4]);"
        "import fastcnn;"
        f"print(sum(os.times()[:4]) - begin, *{heavy} & (set(sys.modules) - before))"
    )
    env = bytecode.environment(tmp_path)
    results = [run(code, env=env).split() for _ in range(5)]
    assert min(float(seconds) for seconds, *_ in results) < 0.2
    assert not any(imported for _, *imported in results)


OWN = [
    module.name
    for module in pkgutil.walk_packages(fastcnn.__path__, "fastcnn.")
    if not module.name.startswith(("fastcnn.kernels.native", "fastcnn.datasets", "fastcnn.fashion"))
]


@pytest.mark.parametrize("name", ["fastcnn", *OWN])
def test_docstring_examples(name):
    module = importlib.import_module(name)
    assert module.__doc__
    backend = fastcnn.config.backend()
    result = doctest.testmod(module)
    fastcnn.config.set_backend(backend)
    assert result.failed == 0
