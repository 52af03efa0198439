"""Hostile files: refused in one sentence, and nothing of theirs is run, opened or allocated."""

import ast
import contextlib
import io
import json
import os
import sys
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

import fastcnn as keras
from tests import hostile

MODEL_FILES = list(hostile.model_files())
WEIGHT_FILES = list(hostile.weight_files())
WATCHED = ("open", "exec", "compile", "import", "pickle.", "marshal.", "os.", "shutil.", "socket.",
           "subprocess.", "ctypes.", "urllib.", "tempfile.")  # fmt: skip
HARMLESS = ("os.listdir", "os.scandir")  # of import machinery


class Watch:
    """Notes what a block does to the world outside, by Python's audit events."""

    def __init__(self):
        self.events = []
        self.active = False
        sys.addaudithook(self._note)

    def _note(self, event, arguments):
        if self.active and event.startswith(WATCHED) and event not in HARMLESS:
            self.events.append((event, str(arguments)[:200]))

    @contextlib.contextmanager
    def on(self):
        self.events = []
        self.active = True
        try:
            yield
        finally:
            self.active = False


WATCH = Watch()


def refused(path, load):
    """Load a file that must be refused: the error, within time and memory, touching only itself."""
    size = path.stat().st_size
    begin = time.perf_counter()
    tracemalloc.start()
    try:
        with WATCH.on(), pytest.raises((ValueError, OSError)) as caught:
            load(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * size + (16 << 20)
    assert time.perf_counter() - begin < 20  # a hang is minutes; tracing makes it slow
    others = [event for event in WATCH.events if event[0] != "open" or str(path) not in event[1]]
    assert not others
    assert len(str(caught.value)) < 2000
    return caught.value


@pytest.fixture(scope="module", autouse=True)
def _everything_is_imported(tmp_path_factory):
    """So that what a load imports is the file's doing."""
    for path, load in files(tmp_path_factory.mktemp("sound")).items():
        load(path)
        with contextlib.suppress(ValueError):
            load(path.with_suffix(".txt"))


@pytest.mark.parametrize("name", [name for name, _ in MODEL_FILES])
def test_model_files(name, tmp_path):
    path = tmp_path / "evil.keras"
    path.write_bytes(dict(MODEL_FILES)[name])
    error = refused(path, keras.models.load_model)
    assert str(path) in str(error)
    refused(path, lambda path: keras.models.load_model(path, safe_mode=False))
    if not any(word in name for word in ("8747", "thresholds", "state")):  # what compile reads
        refused(path, lambda path: keras.models.load_model(path, compile=False))
    assert not os.path.exists("/tmp/fastcnn_was_here")


OPTIMIZERS = ("Adam", "AdamW", "Nadam", "SGD", "RMSprop", "Adagrad", "Lion")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_s_arguments_are_checked_before_its_state_is_read(name):
    """An epsilon that was a dictionary once came as far as the kernel."""
    model = hostile.model()
    model.compile(getattr(keras.optimizers, name)(), "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    with zipfile.ZipFile(io.BytesIO(hostile.keras_file.to_bytes(model))) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    tree = json.loads(members["config.json"])
    arguments = tree["compile_config"]["optimizer"]["config"]
    refusals = 0
    for key, before in arguments.items():
        for value in ({}, [], {"a": None}, [1], "x", -1, 1e300, 2**62, True, None):
            arguments[key] = value
            text = json.dumps(tree).encode()
            content = hostile.zipped({**members, "config.json": text}.items())
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of a state that does not fit
                    hostile.keras_file.from_bytes(content)
            except ValueError:
                refusals += 1
        arguments[key] = before
    assert refusals > 4 * len(arguments)


@pytest.mark.parametrize("number", range(len(WEIGHT_FILES)))
def test_weight_files(number, tmp_path):
    _, ending, content = WEIGHT_FILES[number]
    path = tmp_path / f"evil{ending}"
    path.write_bytes(content)
    model = hostile.model()
    before = model.get_weights()
    error = refused(path, model.load_weights)
    assert str(path) in str(error)
    for now, then in zip(model.get_weights(), before, strict=True):
        assert (now == then).all()


@pytest.mark.parametrize(
    ("entry", "value"), [(0, -1), (1, np.nan), (2, np.zeros((2, 3), np.float32))]
)
def test_a_refused_optimizer_state_leaves_weights_and_optimizer(entry, value, tmp_path):
    model = hostile.model()
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    path = tmp_path / "evil.weights.h5"
    model.save_weights(path)
    with h5py.File(path, "r+") as file:
        del file[f"optimizer/vars/{entry}"]
        file[f"optimizer/vars/{entry}"] = np.asarray(value, np.int64 if entry == 0 else np.float32)
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    before = hostile.keras_file.h5_weights.to_bytes(model).getvalue()
    with pytest.raises(ValueError, match=r"evil.weights.h5: the optimizer"):
        model.load_weights(path)
    assert hostile.keras_file.h5_weights.to_bytes(model).getvalue() == before


@pytest.mark.parametrize("name", ["evil.h5", "evil.hdf5", "evil.keras.h5", "evil", "evil.json"])
def test_legacy_files_are_not_opened(name, tmp_path):
    """CVE-2025-9905: a Lambda in an HDF5 model of Keras 2, where no safe mode was asked for."""
    path = tmp_path / name
    path.write_bytes(hostile.hdf5(lambda file: file.attrs.update(model_config="{}")))
    with WATCH.on(), pytest.raises(ValueError, match=r"must end in .keras"):
        keras.models.load_model(path, safe_mode=False)
    assert not WATCH.events


def test_the_good_file_is_good(tmp_path):
    """What the corpus is made from loads."""
    path = tmp_path / "good.keras"
    path.write_bytes(hostile.zipped(hostile.good().items()))
    with WATCH.on():
        keras.models.load_model(path)
    assert all(event[0] == "open" and str(path) in event[1] for event in WATCH.events)


def test_large_models_do_not_take_more_than_they_are(tmp_path):
    model = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(6000)])
    model.compile("adam", "mse")
    path = tmp_path / "large.keras"
    model.save(path)
    size = path.stat().st_size
    assert size > 64 << 20
    tracemalloc.start()
    keras.models.load_model(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * size + (16 << 20)


def files(tmp_path):
    """{path: function that loads it} of a small file of each kind."""
    model = hostile.model()
    model.compile("adam", "mse")
    loaders = {"m.keras": keras.models.load_model}
    model.save(tmp_path / "m.keras")
    for name in ("w.weights.h5", "w.npz"):
        model.save_weights(tmp_path / name)
        loaders[name] = hostile.model().load_weights
    return {tmp_path / name: load for name, load in loaders.items()}


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["keras", "h5", "npz"])
def test_truncation_at_every_byte(kind, tmp_path):
    path, load = list(files(tmp_path).items())[kind]
    whole = path.read_bytes()
    load(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises((ValueError, OSError)):
            load(path)


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["keras", "h5", "npz"])
def test_bytes_changed(kind, tmp_path):
    """It loads, or is refused in the documented way."""
    path, load = list(files(tmp_path).items())[kind]
    whole = path.read_bytes()
    for place in range(0, len(whole), 3 if kind == 0 else 1):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError, OSError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an optimizer's state that is no longer one
            load(path)


# ------------------------------------------------------------------------------- the loaders' code

PACKAGE = Path(keras.__file__).parent
LOADERS = [
    *sorted((PACKAGE / "saving").glob("*.py")),
    *sorted((PACKAGE / "datasets").glob("*.py")),
    *sorted((PACKAGE / "models").glob("*.py")),
    PACKAGE / "core" / "registry.py",
    PACKAGE / "core" / "variables.py",
    PACKAGE / "layers" / "registry.py",
    PACKAGE / "utils" / "image_folder.py",
    PACKAGE / "utils" / "torch_weights.py",
]
FORBIDDEN_NAMES = ("eval", "exec", "__import__", "literal_eval", "find_class", "import_module")
FORBIDDEN_MODULES = (
    *("builtins", "cloudpickle", "code", "ctypes", "dill", "imp", "joblib", "marshal", "pickle"),
    *("pty", "runpy", "shelve", "types", "yaml"),
)
ALLOWED = (  # what is imported by name is named in this package's own code
    "import_module(PLACES[name])",
    "importlib.import_module(f'{__name__}.{name}')",
    "importlib.import_module(part)",  # Registry(parts=...)
)


@pytest.mark.parametrize("path", LOADERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_code_comes_from_a_file(path):
    """No pickle, no eval, no import by name: looked up in the loaders' syntax trees."""
    tree = ast.parse(path.read_text("utf-8"))
    allowed = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node) in ALLOWED
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not {alias.name.split(".")[0] for alias in node.names} & {*FORBIDDEN_MODULES}
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN_MODULES
        elif isinstance(node, ast.Name) and id(node) not in allowed:
            assert node.id not in FORBIDDEN_NAMES, node.lineno
        elif isinstance(node, ast.Attribute) and id(node) not in allowed:
            assert node.attr not in FORBIDDEN_NAMES, node.lineno
        elif isinstance(node, ast.Call):
            assert not is_named(node.func, "compile"), node.lineno
            check_load(node)


def is_named(node, name):
    return isinstance(node, ast.Name) and node.id == name


def check_load(call):
    """np.load never unpickles."""
    function = call.func
    is_load = isinstance(function, ast.Attribute) and function.attr == "load"
    if is_load and is_named(function.value, "np"):
        settings = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert settings.get("allow_pickle") == "False", call.lineno


def test_the_readers_are_python():
    """A hostile file meets neither libhdf5 nor NumPy's parser of headers."""
    for path in (PACKAGE / "saving").glob("*.py"):
        text = path.read_text("utf-8")
        tree = ast.parse(text)
        imports = [
            node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
        ]
        names = {alias.name for node in imports for alias in node.names}
        assert ("h5py" in names) == (path.name == "h5_weights.py")
        assert "lib.format" not in text.replace("numpy.lib.format", "")  # only named as the source
    source = ast.parse((PACKAGE / "saving" / "h5_weights.py").read_text("utf-8"))
    writers = [
        function.name
        for function in source.body
        if isinstance(function, ast.FunctionDef) and "h5py" in ast.unparse(function)
    ]
    assert writers == ["to_bytes"]


def test_bytes_of_a_model_are_read_like_a_file():
    with pytest.raises(ValueError, match=r"the bytes of a model: it is no whole zip file"):
        hostile.keras_file.from_bytes(b"x" * 100)
