"""A corpus of hostile files of graphs; see `hostile` for the others.

`files()` yields (name, bytes of a .keras file). Each must be rejected with a ValueError.
"""

import io
import json
import zipfile

import fastcnn as keras
from fastcnn import layers
from fastcnn.saving import keras_file
from tests.support.hostile import layer, zipped


def graph():
    """A graph: two inputs, a layer that both share, a nested model, an operation, two outputs."""
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    inner = keras.Input((3,), name="inner_input")
    nested = keras.Model(inner, layers.Dense(3, name="inner_dense")(inner), name="nested")
    shared = layers.Dense(3, name="shared")
    merged = layers.Add(name="add")([shared(a), shared(b)])
    return keras.Model([a, b], [nested(merged) * 2, nested(a)], name="g")


def good_graph():
    """{member: bytes} of a valid file of a graph."""
    with zipfile.ZipFile(io.BytesIO(keras_file.to_bytes(graph()))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_graph(change):
    """A file of a graph with a modified configuration: `change(config, {name: layer entry})`."""
    members = good_graph()
    tree = json.loads(members["config.json"])
    entries = {entry["name"]: entry for entry in tree["config"]["layers"]}
    change(tree["config"], entries)
    members["config.json"] = json.dumps(tree).encode()
    return zipped(members.items())


def tensor(name, call=0, output=0):
    """A symbolic tensor in a configuration."""
    history = [name, call, output]
    config = {"shape": [None, 3], "dtype": "float32", "keras_history": history}
    return {"class_name": "__keras_tensor__", "config": config}


def called(class_name, config, *calls):
    """The entry of a layer in a graph, called on each of `calls`."""
    nodes = [{"args": [arguments], "kwargs": {}} for arguments in calls]
    entry = layer(class_name, config)
    return {**entry, "name": entry["config"]["name"], "inbound_nodes": nodes}


def model_of(name, entries, outputs, inputs=("x",)):
    """The entry of a nested graph without its calls."""
    ends = {"input_layers": [[x, 0, 0] for x in inputs], "output_layers": outputs}
    config = {"name": name, "layers": entries, **ends}
    return layer("Functional", config, "keras.src.models.functional", "Functional")


def operation(entries):
    """The entry of the operation in `graph`."""
    return next(entry for entry in entries.values() if entry["class_name"] == "Multiply")


def input_entry(name="x", shape=(None, 3)):
    return called("InputLayer", {"name": name, "batch_shape": list(shape)})


def files():
    """Yield files of graphs that do not fit together, or are far larger than their file."""
    yield from nonsense()
    yield from bombs()


def nonsense():
    """Yield files of graphs with calls and tensors that are not valid."""

    def first_call(entry):
        return entry["inbound_nodes"][0]

    def history(value):
        def change(config, entries):
            first_call(entries["shared"])["args"][0]["config"]["keras_history"] = value

        return with_graph(change)

    wrong = (
        ["nobody", 0, 0], ["shared", 0, 0], ["shared", 1, 0], ["add", 0, 0], ["nested", 0, 0],
        ["a", 1, 0], ["a", -1, 0], ["a", 2**62, 0], ["a", True, 0], ["a", 0.0, 0], ["a", "0", 0],
        ["a", 0, 1], ["a", 0, -1], ["a", 0, 2**62], ["a", 0, False], ["a", 0, None], ["a", 0],
        ["a", 0, 0, 0], [], None, "a", {"a": 0}, [0, 0, 0], [["a"], 0, 0], [None, 0, 0],
    )  # fmt: skip
    for value in wrong:
        yield f"a graph with a tensor {value}", history(value)
        yield (
            f"a graph with an output {value}",
            with_graph(lambda c, e, value=value: c.update(output_layers=[value])),
        )
        if value != [] and value != ["shared", 1, 0]:
            yield (
                f"a graph with an input {value}",
                with_graph(lambda c, e, value=value: c.update(input_layers=[value])),
            )
    for key in ("layers", "input_layers", "output_layers"):
        for value in (None, [], {}, 3, "a", [[]], [None]):
            yield (
                f"a graph with {key}: {value}",
                with_graph(lambda c, e, key=key, value=value: c.update({key: value})),
            )
    for value in (None, {}, 3, [3], [[]], [{}], [{"args": 3}], [{"args": [], "kwargs": {}}],
                  [{"args": [3], "kwargs": {}}], [{"args": [None], "kwargs": {}}],
                  [{"args": [[]], "kwargs": {}}], [{"args": [{}], "kwargs": {}}],
                  [{"args": [tensor("a"), tensor("b")], "kwargs": {}}],
                  [{"args": [[tensor("a")] * 2], "kwargs": {}}],
                  [{"args": [tensor("a")], "kwargs": {"training": 3}}],
                  [{"args": [tensor("a")], "kwargs": {"evil": tensor("a")}}],
                  [{"args": [tensor("a")], "kwargs": []}],
                  [[["a", 0, 0, {}]]]):  # fmt: skip
        yield (
            f"a graph with inbound_nodes: {str(value)[:60]}",
            with_graph(lambda c, e, value=value: e["shared"].update(inbound_nodes=value)),
        )
    for value in ("a", 3, None, [], "add", "nested"):
        yield (
            f"a graph with a layer named {value}",
            with_graph(lambda c, e, value=value: e["shared"].update(name=value)),
        )
    for entry in (None, 3, "shared", [], {}, tensor("a"), {"class_name": "Dense"}):
        yield (
            f"a graph with a layer {str(entry)[:30]}",
            with_graph(lambda c, e, entry=entry: c["layers"].append(entry)),
        )
    yield (
        "a graph with an optimizer as a layer",
        with_graph(
            lambda c, e: c["layers"].append(
                {**layer("Adam", {}, "keras.optimizers"), "name": "adam", "inbound_nodes": []}
            )
        ),
    )
    yield (
        "a graph with two layers of one name",
        with_graph(lambda c, e: c["layers"].append(e["shared"])),
    )
    yield (
        "a graph with a cycle",
        with_graph(lambda c, e: first_call(e["shared"]).update(args=[tensor("add")])),
    )
    yield (
        "a graph with a layer that needs its later call",
        with_graph(lambda c, e: first_call(e["shared"]).update(args=[tensor("shared", 1)])),
    )
    yield (
        "a graph with an input that has inputs",
        with_graph(lambda c, e: e["a"].update(inbound_nodes=[{"args": [tensor("b")]}])),
    )
    yield (
        "a graph without one of its inputs",
        with_graph(lambda c, e: c.update(input_layers=[["a", 0, 0]])),
    )
    yield (
        "a shared layer called with another shape",
        with_graph(lambda c, e: e["b"]["config"].update(batch_shape=[None, 7])),
    )
    yield (
        "merged tensors of incompatible shapes",
        with_graph(
            lambda c, e: c["layers"].extend(
                [input_entry("evil", (None, 5)),
                 called("Add", {"name": "evil_add"}, [tensor("a"), tensor("evil")])]
            )
        ),
    )  # fmt: skip
    yield (
        "a nested model named like its parent that refers to it",
        with_graph(
            lambda c, e: c["layers"].append(
                {**model_of("g", [input_entry(),
                                  called("Dense", {"name": "d", "units": 3}, tensor("g"))],
                            ["d", 0, 0]),
                 "name": "g", "inbound_nodes": [{"args": [tensor("a")], "kwargs": {}}]}
            )
        ),
    )  # fmt: skip
    if True:
        for arguments in ([tensor("a")], [2, 3], [tensor("a"), "2"], [tensor("a"), None],
                          [tensor("a"), [tensor("a")]], [tensor("a"), True],
                          [tensor("a"), tensor("a"), tensor("a")]):  # fmt: skip
            calls = [{"args": arguments, "kwargs": {}}]
            yield (
                f"an operation on {str(arguments)[:70]}",
                with_graph(lambda c, e, calls=calls: operation(e).update(inbound_nodes=calls)),
            )
    yield (
        "an operation that is used twice",
        with_graph(
            lambda c, e: operation(e).update(
                inbound_nodes=[{"args": [tensor("a"), 2], "kwargs": {}}] * 2
            )
        ),
    )
    yield (
        "an unknown operation",
        with_graph(lambda c, e: operation(e).update(class_name="Power")),
    )


def bombs():
    """Yield files of graphs that try to exhaust memory or time."""
    many = [called("ReLU", {"name": f"l{index}"}, tensor("a")) for index in range(1500)]
    yield "a graph of 1,500 layers", with_graph(lambda c, e: c["layers"].extend(many))
    calls = ",".join(['{"args":[0],"kwargs":{}}'] * 38_000)
    members = good_graph()
    text = (
        members["config.json"]
        .decode()
        .replace('"inbound_nodes": []', f'"inbound_nodes": [{calls}]')
    )
    yield "a graph of 76,000 calls", zipped({**members, "config.json": text.encode()}.items())
    wide = called("Add", {"name": "wide"}, [tensor("nobody", index) for index in range(3000)])
    yield "a merge of 3,000 missing tensors", with_graph(lambda c, e: c["layers"].append(wide))
    chain = called("ReLU", {"name": "c"}, *[tensor("c", index) for index in range(2000, 0, -1)])
    yield "2,000 calls that wait for each other", with_graph(lambda c, e: c["layers"].append(chain))

    nested = model_of("m", [input_entry(), called("ReLU", {"name": "r"}, tensor("x"))], ["r", 0, 0])
    for _ in range(2):
        calls = [tensor("x"), *[tensor("m", index) for index in range(110)]]
        entry = {**nested, "name": "m"}
        entry["inbound_nodes"] = [{"args": [call], "kwargs": {}} for call in calls]
        nested = model_of("m", [input_entry(), entry], ["m", len(calls), 0])
    bomb = {**nested, "name": "m", "inbound_nodes": [{"args": [tensor("a")], "kwargs": {}}]}
    yield (
        "nested models that call each other 12,000 times",
        with_graph(lambda c, e: c["layers"].append(bomb)),
    )

    def shared_models(c, e):
        def add(index, entries, outputs):
            entry = {**model_of(f"m{index}", entries, outputs), "name": f"m{index}"}
            entry["inbound_nodes"] = [{"args": [tensor("a")], "kwargs": {}}]
            c["layers"].append({**entry, "shared_object_id": index})

        add(1, [input_entry(), called("ReLU", {"name": "r"}, tensor("x"))], ["r", 0, 0])
        for index in range(1, 60):
            twice = [{"args": [inner], "kwargs": {}} for inner in (tensor("x"), tensor("u"))]
            inner = layer("Functional", {}, "keras.src.models.functional", "Functional")
            inner = {**inner, "name": "u", "inbound_nodes": twice, "shared_object_id": index}
            add(index + 1, [input_entry(), inner], ["u", 2, 0])

    yield "2^60 calls of a model by shared_object_id", with_graph(shared_models)

    def squared(c, e):
        name = "a"
        for index in range(300):
            c["layers"] += [
                called("Reshape", {"name": f"r{index}", "target_shape": [-1, 1]}, tensor(name)),
                called("Dot", {"name": f"d{index}", "axes": 2},
                       [tensor(f"r{index}"), tensor(f"r{index}")]),
            ]  # fmt: skip
            name = f"d{index}"

    yield "a graph with a tensor of 3^(2^300) elements", with_graph(squared)
