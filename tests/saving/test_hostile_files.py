"""Hostile files are rejected with an error, without running, opening or allocating anything."""

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
from tests.support import hostile, hostile_graphs, hostile_h5

MODEL_FILES = [*hostile.model_files(), *hostile_graphs.files()]
WEIGHT_FILES = list(hostile.weight_files())
WATCHED = ("open", "exec", "compile", "import", "pickle.", "marshal.", "os.", "shutil.", "socket.",
           "subprocess.", "ctypes.", "urllib.", "tempfile.")  # fmt: skip
HARMLESS = ("os.listdir", "os.scandir")  # of import machinery


class Watch:
    """Records the side effects of a block through Python's audit events."""

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
    """Load a file that must be rejected, within time and memory limits; return the error.

    Only the file itself may be opened.
    """
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
    assert time.perf_counter() - begin < 20  # generous: tracing is slow, and a hang takes minutes
    others = [event for event in WATCH.events if event[0] != "open" or str(path) not in event[1]]
    assert not others
    assert len(str(caught.value)) < 2000
    return caught.value


@pytest.fixture(scope="module", autouse=True)
def _everything_is_imported(tmp_path_factory):
    """Import everything first, so that any later import is caused by the file."""
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
    if not any(word in name for word in ("8747", "thresholds", "state")):  # read by compile only
        refused(path, lambda path: keras.models.load_model(path, compile=False))
    assert not os.path.exists("/tmp/fastcnn_was_here")


OPTIMIZERS = ("Adam", "AdamW", "Nadam", "SGD", "RMSprop", "Adagrad", "Lion")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizer_arguments_are_checked_before_its_state_is_read(name):
    """Regression test: an epsilon that was a dictionary reached the kernel."""
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
                    warnings.simplefilter("ignore")  # about a state that does not match
                    hostile.keras_file.from_bytes(content)
            except ValueError:
                refusals += 1
        arguments[key] = before
    assert refusals > 4 * len(arguments)


@pytest.mark.parametrize("index", range(len(WEIGHT_FILES)))
def test_weight_files(index, tmp_path):
    _, ending, content = WEIGHT_FILES[index]
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


@pytest.mark.parametrize("name", ["evil", "evil.json", "evil.pb", "evil.h5.txt"])
def test_other_files_are_not_opened(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(hostile.hdf5(lambda file: file.attrs.update(model_config="{}")))
    with WATCH.on(), pytest.raises(ValueError, match=r"must end in .keras"):
        keras.models.load_model(path, safe_mode=False)
    assert not WATCH.events


H5_FILES = dict(hostile_h5.files())


@pytest.mark.parametrize("name", H5_FILES)
def test_models_in_the_format_of_keras_2(name, tmp_path):
    """Among them CVE-2025-9905: a Lambda layer in such a file, which ignores the safe mode."""
    path = tmp_path / "evil.h5"
    path.write_bytes(H5_FILES[name])
    error = refused(path, keras.models.load_model)
    assert str(path) in str(error)
    refused(path, lambda path: keras.models.load_model(path, safe_mode=False))
    if "training" not in name:  # read by compile only
        refused(path, lambda path: keras.models.load_model(path, compile=False))
    assert not os.path.exists("/tmp/fastcnn_was_here")


@pytest.mark.parametrize("name", [name for name in H5_FILES if "weights" in name])
def test_weights_in_the_format_of_keras_2(name, tmp_path):
    path = tmp_path / "evil.h5"
    path.write_bytes(H5_FILES[name])
    model = hostile.model()
    before = model.get_weights()
    error = refused(path, model.load_weights)
    assert str(path) in str(error)
    for now, then in zip(model.get_weights(), before, strict=True):
        assert (now == then).all()


@pytest.mark.parametrize("name", [name for name, _ in MODEL_FILES])
def test_configurations_of_the_corpus_in_the_format_of_keras_2(name, tmp_path):
    """Some are not hostile without a module: loading then has no side effect either."""
    content = hostile_h5.with_config_of(dict(MODEL_FILES)[name])
    if content is None:
        return
    path = tmp_path / "evil.h5"
    path.write_bytes(content)
    with warnings.catch_warnings(), WATCH.on(), contextlib.suppress(ValueError, OSError):
        warnings.simplefilter("ignore")
        keras.models.load_model(path)
    assert all(event[0] == "open" and str(path) in event[1] for event in WATCH.events)


def test_valid_file_loads(tmp_path):
    """The file from which the corpus is derived is valid."""
    path = tmp_path / "good.keras"
    path.write_bytes(hostile.zipped(hostile.good().items()))
    with WATCH.on():
        keras.models.load_model(path)
    assert all(event[0] == "open" and str(path) in event[1] for event in WATCH.events)


def test_memory_for_a_large_model_is_bounded_by_its_size(tmp_path):
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
    """{path: function that loads it} for a small file of each kind."""
    model = hostile.model()
    model.compile("adam", "mse")
    loaders = {"m.keras": keras.models.load_model}
    model.save(tmp_path / "m.keras")
    for name in ("w.weights.h5", "w.npz"):
        model.save_weights(tmp_path / name)
        loaders[name] = hostile.model().load_weights
    (tmp_path / "m.h5").write_bytes(hostile_h5.good())
    loaders["m.h5"] = keras.models.load_model
    return {tmp_path / name: load for name, load in loaders.items()}


STEPS = (7, 7, 7, 61)  # bytes between two tries, for each kind: the last file is the largest


@pytest.mark.parametrize("kind", [0, 1, 2, 3], ids=["keras", "h5", "npz", "old-h5"])
def test_truncation_at_every_byte(kind, tmp_path, request):
    """A truncated file raises one of the documented errors; tries a sample by default."""
    step = 1 if request.config.getoption("--every-byte") else STEPS[kind]
    path, load = list(files(tmp_path).items())[kind]
    whole = path.read_bytes()
    load(path)
    for length in range(0, len(whole), step):
        path.write_bytes(whole[:length])
        with pytest.raises((ValueError, OSError)):
            load(path)


@pytest.mark.parametrize("kind", [0, 1, 2, 3], ids=["keras", "h5", "npz", "old-h5"])
def test_changed_bytes(kind, tmp_path, request):
    """A damaged file loads or raises one of the documented errors; tries a sample by default."""
    step = 1 if request.config.getoption("--every-byte") else STEPS[kind]
    path, load = list(files(tmp_path).items())[kind]
    whole = path.read_bytes()
    for offset in range(0, len(whole), step):
        damaged = bytearray(whole)
        damaged[offset] ^= 1 << (offset % 8)
        path.write_bytes(damaged)
        with contextlib.suppress(ValueError, OSError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about an optimizer state that no longer matches
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
    PACKAGE / "utils" / "image_batches.py",
    PACKAGE / "utils" / "image_folder.py",
    PACKAGE / "utils" / "torch_weights.py",
]
FORBIDDEN_NAMES = ("eval", "exec", "__import__", "literal_eval", "find_class", "import_module")
FORBIDDEN_MODULES = (
    *("builtins", "cloudpickle", "code", "ctypes", "dill", "imp", "joblib", "marshal", "pickle"),
    *("pty", "runpy", "shelve", "types", "yaml"),
)
ALLOWED = (  # imports whose names come from this package's own code
    "import_module(MODULES[name])",
    "importlib.import_module(f'{__name__}.{name}')",
    "importlib.import_module(part)",  # Registry(parts=...)
)


@pytest.mark.parametrize("path", LOADERS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_loaders_never_run_code_from_a_file(path):
    """The loaders' syntax trees contain no pickle, no eval and no import by name."""
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
    """Assert that np.load does not unpickle."""
    function = call.func
    is_load = isinstance(function, ast.Attribute) and function.attr == "load"
    if is_load and is_named(function.value, "np"):
        settings = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert settings.get("allow_pickle") == "False", call.lineno


def test_readers_are_pure_python():
    """Neither libhdf5 nor NumPy's header parser ever sees a hostile file."""
    for path in (PACKAGE / "saving").glob("*.py"):
        text = path.read_text("utf-8")
        tree = ast.parse(text)
        imports = [
            node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))
        ]
        names = {alias.name for node in imports for alias in node.names}
        assert ("h5py" in names) == (path.name in ("h5_weights.py", "h5_file.py"))
        assert "lib.format" not in text.replace("numpy.lib.format", "")  # cited as the source
    for name in ("h5_weights.py", "h5_file.py"):
        source = ast.parse((PACKAGE / "saving" / name).read_text("utf-8"))
        writers = [
            function.name
            for function in source.body
            if isinstance(function, ast.FunctionDef) and "h5py" in ast.unparse(function)
        ]
        assert writers == ["to_bytes"]


def test_bytes_of_a_model_are_checked_like_a_file():
    with pytest.raises(ValueError, match=r"the bytes of a model: it is not a valid zip file"):
        hostile.keras_file.from_bytes(b"x" * 100)
