"""A corpus of hostile models in the HDF5 format of Keras 2: `files()` yields (name, bytes).

Each must be rejected with a ValueError or OSError and without any side effect. Those with "weights"
in their names must be rejected by `load_weights` as well; those with "training" load with
`compile=False`.
"""

import io
import json
import pickle
import zipfile

import h5py
import numpy as np

import fastcnn as keras
from fastcnn.saving import h5_file
from tests.support import hostile

SECRET = hostile.SECRET
KERNEL = "model_weights/mine/m/mine/kernel"


def good():
    """A valid file."""
    model = hostile.model()
    model.compile(keras.optimizers.Adam(name="adam"), "mse", metrics=["mae"])
    return h5_file.to_bytes(model).getvalue()


def edited(edit):
    """The valid file after `edit(h5py.File)`."""
    buffer = io.BytesIO(good())
    with h5py.File(buffer, "r+") as file:
        edit(file)
    return buffer.getvalue()


def with_text(attribute, change):
    """A file with another text in an attribute: `change` gets the parsed one."""

    def edit(file):
        tree = json.loads(file.attrs[attribute])
        text = change(tree)
        file.attrs[attribute] = json.dumps(tree) if text is None else text

    return edited(edit)


def with_layer(entry):
    return with_text("model_config", lambda tree: tree["config"]["layers"].append(entry))


def with_kernel(make):
    """A file whose kernel is what `make(group, name)` stores."""

    def edit(file):
        del file[KERNEL]
        group, _, name = KERNEL.rpartition("/")
        make(file[group], name)

    return edited(edit)


def with_config_of(content):
    """A file with the configuration of a .keras file of the corpus, or None if it is not JSON."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            text = archive.read("config.json").decode()
        tree = json.loads(text)
    except (ValueError, KeyError, zipfile.BadZipFile, RecursionError):
        return None

    def edit(file):
        file.attrs["model_config"] = text
        compiled = tree.get("compile_config") if isinstance(tree, dict) else None
        if isinstance(compiled, dict):
            optimizer = compiled.pop("optimizer", None)
            file.attrs["training_config"] = json.dumps({**compiled, "optimizer_config": optimizer})

    return edited(edit)


def layer(class_name, **config):
    return {"class_name": class_name, "config": {"name": "evil", **config}}


def virtual(group, name):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource(SECRET, "a", (3, 2))
    group.create_virtual_dataset(name, layout)


def files():
    """Yield (class of the attack, bytes of an .h5 file)."""
    code = [hostile.code_of(lambda x: __import__("os").system("id")), None, None]
    yield "CVE-2025-9905 Lambda", with_layer(layer("Lambda", function=code, function_type="lambda"))
    function = {"class_name": "__lambda__", "config": {"value": code}}
    yield "CVE-2025-9905 Lambda of Keras 3", with_layer(layer("Lambda", function=function))
    nested = {"class_name": "Sequential", "config": {"layers": [layer("Lambda", function=code)]}}
    yield "CVE-2025-9905 Lambda in a nested model", with_layer({**nested, "name": "evil"})
    yield "CVE-2024-3660 activation", with_layer(layer("Dense", units=2, activation=function))
    yield "TFOpLambda", with_layer(layer("TFOpLambda", function="math.add"))
    for module, name in (("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")):
        call = {"module": module, "class_name": "function", "config": name, "registered_name": name}
        yield f"CVE-2025-1550 {name}", with_layer(layer("Dense", units=2, activation=call))
        yield f"CVE-2025-1550 class {name}", with_layer({**layer(name), "module": module})
        yield (
            f"CVE-2025-1550 training with {name}",
            with_text("training_config", lambda tree, call=call: tree.update(loss=call)),
        )
    for source in (SECRET, "http://127.0.0.1:9/words.txt"):
        yield f"CVE-2025-12058 {source}", with_layer(layer("StringLookup", vocabulary=source))
    yield "CVE-2026-1462 TFSMLayer", with_layer(layer("TFSMLayer", filepath="/tmp/saved"))
    module = {"module": hostile.code_of(files)}
    yield "CVE-2025-49655 TorchModuleWrapper", with_layer(layer("TorchModuleWrapper", **module))
    wrapper = {
        "class_name": "MeanMetricWrapper",
        "config": {"fn": {"class_name": "function", "module": "os", "config": "system"}},
    }
    yield (
        "training with a function as a metric",
        with_text("training_config", lambda tree: tree.update(metrics=[wrapper])),
    )
    for regex in ("(a+)+$", "a*a*a*"):
        muon = {"class_name": "Muon", "config": {"exclude_layers": [regex]}}
        yield (
            f"training with the expression {regex}",
            with_text("training_config", lambda tree, m=muon: tree.update(optimizer_config=m)),
        )
    yield (
        "training with a map as the optimizer",
        with_text(
            "training_config",
            lambda tree: tree.update(
                optimizer_config={
                    "class_name": "OptimizerMap",
                    "config": {"default_optimizer": {"class_name": "SGD", "config": {}}},
                }
            ),
        ),
    )
    yield from bombs()
    yield from damaged()


def bombs():
    """Yield files that try to exhaust memory or time, or refer to other files."""
    yield (
        "a configuration of 16 EB",
        with_text(
            "model_config", lambda t: t["config"]["layers"][1]["config"].update(units=1 << 60)
        ),
    )
    yield "deep JSON", with_text("model_config", lambda tree: "[" * 60_000)
    yield "deep dictionaries", with_text("model_config", lambda tree: '{"a":' * 12_000)
    yield "a long text", with_text("model_config", lambda tree: json.dumps(tree) + " " * (2 << 20))
    inner = layer("Flatten")
    for _ in range(12):
        inner = {"class_name": "Sequential", "config": {"layers": [inner]}}
    yield "deeply nested models", with_layer(inner)
    many = [layer("Flatten", name=f"l{index}") for index in range(5_000)]
    yield (
        "5,000 layers",
        with_text("model_config", lambda tree: tree["config"]["layers"].extend(many)),
    )
    yield (
        "CVE-2026-0897 weights of 40 TB",
        with_kernel(lambda g, n: g.create_dataset(n, (10**9, 10**4), "f4")),
    )
    yield (
        "CVE-2026-0897 weights in chunks",
        with_kernel(lambda g, n: g.create_dataset(n, (10**12, 10), "u1", chunks=(10**6, 10))),
    )
    yield (
        "compressed weights",
        with_kernel(
            lambda g, n: g.create_dataset(n, data=np.zeros((3, 2), "f4"), compression="gzip")
        ),
    )
    yield (
        "CVE-2026-1669 weights in another file",
        with_kernel(lambda g, n: g.create_dataset(n, (3, 2), "f4", external=[(SECRET, 0, 24)])),
    )
    yield "CVE-2026-1669 virtual weights", with_kernel(virtual)
    yield (
        "CVE-2026-1669 weights behind an external link",
        with_kernel(lambda g, n: g.__setitem__(n, h5py.ExternalLink(SECRET, "/a"))),
    )
    yield (
        "weights behind a soft link",
        with_kernel(
            lambda g, n: g.__setitem__(n, h5py.SoftLink("/model_weights/mine/m/mine/bias"))
        ),
    )


def with_names(attribute, names, group="model_weights"):
    def edit(file):
        file[group].attrs[attribute] = names

    return edited(edit)


def damaged():
    """Yield files that are damaged or contradict themselves."""
    yield "an empty file of weights", b""
    yield "not an HDF5 file of weights", b"x" * 1000
    yield "a pickle as weights", pickle.dumps(hostile.Evil())
    yield "trailing bytes after the weights", good() + b"x"
    yield (
        "no model, only groups of weights without names",
        hostile.hdf5(lambda file: file.create_group("model_weights")),
    )
    yield "no configuration", edited(lambda file: file.attrs.__delitem__("model_config"))
    for text in (
        "",
        "null",
        "[]",
        "{}",
        '{"class_name": 3}',
        '{"class_name": "Sequential"}',
        "\xff",
    ):
        yield f"the configuration {text!r}", with_text("model_config", lambda tree, t=text: t)
    yield "a number as configuration", edited(lambda f: f.attrs.__setitem__("model_config", 3))
    yield (
        "two texts as configuration",
        edited(lambda f: f.attrs.__setitem__("model_config", [b"{}", b"{}"])),
    )
    for text in ("[]", '{"optimizer_config": 3}', '{"optimizer_config": {"config": 3}}'):
        yield (
            f"the training configuration {text!r}",
            with_text("training_config", lambda tree, t=text: t),
        )
    yield "missing weights", with_kernel(lambda group, name: None)
    yield (
        "weights of another shape",
        with_kernel(lambda g, n: g.__setitem__(n, np.zeros((2, 3), "f4"))),
    )
    yield "text as weights", with_kernel(lambda g, n: g.__setitem__(n, b"abc"))
    yield "integers as weights", with_kernel(lambda g, n: g.__setitem__(n, np.zeros((3, 2), "i4")))
    yield "a group as weights", with_kernel(lambda group, name: group.create_group(name))
    yield (
        "weights without names",
        edited(lambda f: f["model_weights"].attrs.__delitem__("layer_names")),
    )
    yield "the weights of no layer", with_names("layer_names", [])
    yield "the weights of a layer twice", with_names("layer_names", [b"mine", b"mine"])
    yield "the weights of a missing layer", with_names("layer_names", [b"other"])
    yield (
        "names of layers with weights that lead elsewhere",
        with_names("layer_names", [b"../mine"]),
    )
    group = "model_weights/mine"
    kernel = b"m/mine/kernel"
    yield "one array for two weights", with_names("weight_names", [kernel, kernel], group)
    yield "too few weights", with_names("weight_names", [kernel], group)
    yield (
        "names of weights that lead elsewhere",
        with_names("weight_names", [b"/etc", b".."], group),
    )
    yield "numbers as names of weights", with_names("weight_names", [1.0, 2.0], group)
