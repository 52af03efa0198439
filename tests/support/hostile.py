"""A corpus of hostile files: each class of loader CVE in Keras and PyTorch, and more.

`model_files()` yields (name, bytes of a .keras file), `weight_files()` (name, ending, bytes). Each
must be rejected with a ValueError or OSError and without any side effect.
"""

import base64
import io
import json
import marshal
import pickle
import warnings
import zipfile

import h5py
import numpy as np

import fastcnn as keras
from fastcnn import layers
from fastcnn.saving import keras_file

SECRET = "/etc/passwd"


def model():
    """The model that the weight files claim to belong to."""
    return keras.Sequential([keras.Input((3,), name="in"), layers.Dense(2, name="mine")], name="m")


def good():
    """{member: bytes} of a valid file."""
    net = model()
    net.compile(keras.optimizers.Adam(name="adam"), "mse", metrics=["mae"])
    with zipfile.ZipFile(io.BytesIO(keras_file.to_bytes(net))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members, method=zipfile.ZIP_STORED):
    """A zip file of (name, bytes) pairs."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # about duplicate names
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def with_config(change):
    """A file with a modified configuration."""
    members = good()
    config = json.loads(members["config.json"])
    text = change(config)
    members["config.json"] = (json.dumps(config) if text is None else text).encode()
    return zipped(members.items())


def with_layer(entry):
    """A file with an additional layer."""
    return with_config(lambda config: config["config"]["layers"].append(entry))


def with_weights(fill):
    """A file with the weights that `fill(h5py.File)` writes."""
    members = good()
    members["model.weights.h5"] = hdf5(fill)
    return zipped(members.items())


def hdf5(fill):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return buffer.getvalue()


def valid_weights(file):
    file["layers/mine/vars/0"] = np.ones((3, 2), "f4")


def external_storage(file):
    file.create_dataset("layers/dense/vars/0", (3, 2), "f4", external=[(SECRET, 0, 24)])
    file["layers/dense/vars/1"] = np.zeros(2, "f4")


def links(file):
    file["layers/dense/vars/0"] = h5py.ExternalLink(SECRET, "/a")
    file["layers/dense/vars/1"] = h5py.SoftLink("/layers/dense/vars/0")


def soft_link(file):
    file["layers/dense/vars/0"] = np.zeros((3, 2), "f4")
    file["layers/dense/vars/1"] = h5py.SoftLink("/layers/dense/vars/0")


def virtual(file):
    layout = h5py.VirtualLayout((3, 2), "f4")
    layout[:] = h5py.VirtualSource(SECRET, "a", (3, 2))
    file.create_virtual_dataset("layers/dense/vars/0", layout)


def chunked_bomb(file):
    """10 TB of zeros in a few bytes."""
    file.create_dataset("layers/dense/vars/0", (10**12, 10), "u1", chunks=(10**6, 10))


def shape_bomb(file):
    file.create_dataset("layers/dense/vars/0", (10**9, 10**4), "f4")


def layer(class_name, config, module="keras.layers", registered=None):
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": "evil", **config},
        "registered_name": registered,
    }


class Evil:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return eval, ("__import__('os').system('touch /tmp/fastcnn_was_here')",)


def code_of(function):
    return base64.b64encode(marshal.dumps(function.__code__)).decode()


def model_files():
    """Yield (class of the attack, bytes of a .keras file)."""
    evil = {"value": [code_of(lambda x: __import__("os").system("id")), None, None]}
    function = {"class_name": "__lambda__", "config": evil}
    yield "CVE-2024-3660 Lambda", with_layer(layer("Lambda", {"function": function}))
    yield (
        "CVE-2024-3660 a lambda as an activation",
        with_layer(layer("Dense", {"units": 2, "activation": function})),
    )
    for module, name in (("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")):
        call = {"module": module, "class_name": "function", "config": name, "registered_name": name}
        yield (
            f"CVE-2025-1550 {module}.{name}",
            with_layer(layer("Dense", {"units": 2, "activation": call})),
        )
        yield f"CVE-2025-1550 class {module}.{name}", with_layer(layer(name, {}, module, name))
    for module, name in (
        ("keras.utils", "get_file"),
        ("keras.src.utils.file_utils", "get_file"),
    ):
        download = {"module": module, "class_name": "function", "config": name}
        yield (
            f"CVE-2025-8747 {module}.{name}",
            with_config(lambda c, d=download: c["compile_config"].update(loss=d)),
        )
    yield (
        "CVE-2025-9906 disabling the safe mode",
        with_layer(layer("enable_unsafe_deserialization", {}, "keras.config")),
    )
    module = base64.b64encode(pickle.dumps(Evil())).decode()
    yield (
        "CVE-2025-49655 TorchModuleWrapper",
        with_layer(layer("TorchModuleWrapper", {"module": module}, "keras.layers")),
    )
    for source in (SECRET, "http://127.0.0.1:9/words.txt"):
        yield (
            f"CVE-2025-12058 StringLookup {source}",
            with_layer(layer("StringLookup", {"vocabulary": source})),
        )
    yield "CVE-2026-1462 TFSMLayer", with_layer(layer("TFSMLayer", {"filepath": "/tmp/saved"}))
    for name in ("../../evil.txt", "/tmp/evil.txt", "assets/../../evil"):
        members = [*good().items(), (name, b"evil")]
        yield f"CVE-2025-12638 path traversal: {name}", zipped(members)
    yield "CVE-2026-0897 HDF5 shape bomb", with_weights(shape_bomb)
    yield "CVE-2026-0897 HDF5 chunks", with_weights(chunked_bomb)
    yield "CVE-2026-1669 HDF5 external storage", with_weights(external_storage)
    yield "CVE-2026-1669 HDF5 external links", with_weights(links)
    yield "CVE-2026-1669 HDF5 virtual storage", with_weights(virtual)
    yield "HDF5 soft link", with_weights(soft_link)
    yield "CVE-2025-32434 a pickle", pickle.dumps(Evil())
    members = good()
    members["model.weights.h5"] = pickle.dumps(Evil())
    yield "CVE-2025-32434 a pickle as weights", zipped(members.items())
    yield from bombs()
    yield from nonsense()


def bombs():
    """Yield files that try to exhaust memory or time."""
    members = good()
    wide = {"units": 10**9}
    yield (
        "a configuration of 16 EB",
        with_config(lambda c: c["config"]["layers"][1]["config"].update(wide)),
    )
    yield (
        "a configuration of 4 TB",
        with_config(lambda c: c["config"]["layers"][1]["config"].update(units=3 * 10**11)),
    )
    yield (
        "a size that overflows",
        with_config(lambda c: c["config"]["layers"][1]["config"].update(units=2**62)),
    )
    many = [layer("Flatten", {"name": f"l{index}"}) for index in range(5000)]
    yield "5,000 layers", with_config(lambda c: c["config"]["layers"].extend(many))
    yield (
        "a metric with 10^12 thresholds",
        with_config(
            lambda c: c["compile_config"].update(
                metrics=[layer("AUC", {"num_thresholds": 10**12}, "keras.metrics")]
            )
        ),
    )
    yield "deep JSON", with_config(lambda c: "[" * 200_000)
    yield "deep JSON in dictionaries", with_config(lambda c: '{"a":' * 100_000)
    for item in ("[]", "{}", "0", '""', "[[]]", '{"a":[]}'):
        items = ",".join([item] * ((1_000_000) // (len(item) + 1)))
        text = f'{{"class_name": "Sequential", "config": [{items}]}}'
        yield f"a million characters of {item}", with_config(lambda c, text=text: text)
    items = ",".join(['{"class_name":"Adam","module":"keras.optimizers"}'] * 15_000)
    yield (
        "15,000 optimizers",
        with_config(
            lambda c: (
                c["config"].update(more=[])
                or (json.dumps(c).replace('"more": []', f'"more": [{items}]'))
            )
        ),
    )
    nested = layer("Flatten", {})
    for _ in range(12):
        nested = layer("Sequential", {"layers": [nested]}, "keras")
    yield "deeply nested models", with_layer(nested)
    yield "a large configuration", with_config(lambda c: json.dumps(c) + " " * (2 << 20))
    packed = dict(members, **{"config.json": b" " * (64 << 20) + members["config.json"]})
    yield "a compressed configuration", zipped(packed.items(), zipfile.ZIP_DEFLATED)
    packed = dict(members, **{"model.weights.h5": bytes(64 << 20)})
    yield "compressed weights", zipped(packed.items(), zipfile.ZIP_DEFLATED)
    padded = dict(members, **{"model.weights.h5": members["model.weights.h5"] + bytes(8 << 20)})
    yield "trailing bytes in the weights", zipped(padded.items())


def nonsense():
    """Yield files that are damaged or contain duplicates."""
    members = good()
    yield "an empty file", b""
    yield "not a zip file", b"x" * 1000
    for missing in ("config.json", "model.weights.h5"):
        yield f"no {missing}", zipped((n, c) for n, c in members.items() if n != missing)
    yield "two configurations", zipped([*members.items(), ("config.json", members["config.json"])])
    yield "a trailing byte", zipped(members.items()) + b"x"
    yield "a leading byte", b"x" + zipped(members.items())
    text = members["config.json"].decode()
    yield "a duplicate key", with_config(lambda c: text.replace("{", '{"module": "keras", ', 1))
    for value in ("NaN", "Infinity", "-Infinity", "1e999", "9" * 30, "2.5", '"8"', "-1", "0", "[]"):
        yield (
            f"units: {value}",
            with_config(lambda c, value=value: text.replace('"units": 2', f'"units": {value}')),
        )
    for shape in (
        [None, -3],
        [None, "3"],
        [None, 1e300],
        [None, [3]],
        [None],
        [],
        None,
        3,
        [3, None],
    ):
        yield (
            f"an input of shape {shape}",
            with_config(
                lambda c, shape=shape: c["config"]["layers"][0]["config"].update(batch_shape=shape)
            ),
        )
    for key, tree in (
        ("config", []),
        ("config", None),
        ("class_name", []),
        ("class_name", None),
        ("module", {"a": 1}),
        ("registered_name", 3),
    ):
        yield (
            f"{key}: {tree}",
            with_config(lambda c, k=key, t=tree: c["config"]["layers"][1].update({k: t})),
        )
    yield (
        "another class",
        with_config(lambda c: c.update(class_name="Adam", module="keras.optimizers")),
    )
    yield (
        "layers that are not layers",
        with_config(lambda c: c["config"].update(layers=["a", 3, None])),
    )
    yield (
        "an optimizer as a layer",
        with_layer(layer("Adam", {}, "keras.optimizers")),
    )
    state = {"optimizer/vars/0": np.int64(-1), "optimizer/vars/1": np.float32(np.nan)}

    def bad_state(file):
        file["layers/dense/vars/0"] = np.ones((3, 2), "f4")
        file["layers/dense/vars/1"] = np.ones(2, "f4")
        for name, value in state.items():
            file[name] = value

    yield "an invalid optimizer state", with_weights(bad_state)


def weight_files():
    """Yield (class of the attack, file extension, bytes of a weight file)."""
    for fill in (shape_bomb, chunked_bomb, external_storage, links, soft_link, virtual):
        yield f"HDF5 {fill.__name__}", ".weights.h5", hdf5(fill)
    yield "weights of another model", ".weights.h5", hdf5(valid_weights)
    yield "a pickle", ".weights.h5", pickle.dumps(Evil())
    yield "a pickle", ".npz", pickle.dumps(Evil())
    buffer = io.BytesIO()
    np.savez(buffer, **{"layers/dense/vars/0": np.array([Evil()], object)})
    yield "CVE-2025-32434 a pickle in .npz", ".npz", buffer.getvalue()
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }\n"
    bomb = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
    names = ("layers/dense/vars/0.npy", "layers/dense/vars/1.npy")
    yield "an array of 4 EB", ".npz", zipped((name, bomb) for name in names)
    packed = [(name, bytes(64 << 20)) for name in names]
    yield "compressed arrays", ".npz", zipped(packed, zipfile.ZIP_DEFLATED)
    yield "20,000 arrays", ".npz", zipped((f"{index}.npy", b"") for index in range(20_000))
