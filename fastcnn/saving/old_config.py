"""Configurations in the form of Keras 2, which .h5 files contain, to and from that of Keras 3.

Keras 2 writes {"class_name": "Dense", "config": {...}}; Keras 3 adds the module. There are other
differences: names of arguments, how a graph's calls are written, defaults called "auto". What is
not known here stays as it is, and `serialization` rejects it.
"""

from fastcnn.layers.operations import registry as operations
from fastcnn.saving.limits import MAX_NESTING
from fastcnn.saving.serialization import POLICIES

TENSOR = "__keras_tensor__"
MODELS = {"Model": "Functional", "Functional": "Functional", "Sequential": "Sequential"}
KINDS = {  # ending of an argument's name: module of its objects
    "initializer": "keras.initializers",
    "regularizer": "keras.regularizers",
    "constraint": "keras.constraints",
    "activation": "keras.activations",
    "learning_rate": "keras.optimizers.schedules",
}
RENAMED = {  # class: {old argument: new one}
    "LeakyReLU": {"alpha": "negative_slope"},
    "Dropout": {"p": "rate"},
    "InputLayer": {"batch_input_shape": "batch_shape"},
}
DROPPED = {  # arguments without a meaning in Keras 3
    "optimizer": ("jit_compile", "is_legacy_optimizer"),
    "layer": ("fused", "implementation", "virtual_batch_size", "adjustment", "ragged", "sparse"),
}


# ------------------------------------------------------------------------------------- to Keras 3


def new_model(tree, depth=0):
    """The configuration of a model in the form of Keras 3."""
    if depth > MAX_NESTING:
        raise ValueError(f"models are nested more than {MAX_NESTING} levels deep.")
    if not isinstance(tree, dict) or not isinstance(tree.get("class_name"), str):
        raise ValueError("it contains no model.")
    config = tree.get("config")
    if isinstance(config, list):  # a Sequential of the first versions of Keras 2
        config = {"layers": config}
    if not isinstance(config, dict) or not isinstance(config.get("layers"), list):
        raise ValueError("its model has no list of layers.")
    config = {key: _policy(value) if key == "dtype" else value for key, value in config.items()}
    class_name = MODELS.get(tree["class_name"], tree["class_name"])
    layers = [new_layer(entry, depth) for entry in config["layers"]]
    if class_name == "Sequential":
        layers = _with_input(layers)
    else:
        for key in ("input_layers", "output_layers"):
            ends = config.get(key)
            if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
                config[key] = ends[0]
    config["layers"] = layers
    return _named(class_name, config, "keras.models" if class_name in MODELS.values() else None)


def new_layer(tree, depth=0):
    """The entry of a layer, or of a model as a layer, in the form of Keras 3."""
    if not isinstance(tree, dict) or not isinstance(tree.get("config"), (dict, list)):
        raise ValueError("one of its layers has no configuration.")
    class_name, calls = tree.get("class_name"), tree.get("inbound_nodes")
    if not isinstance(class_name, str) or not isinstance(calls, (list, type(None))):
        raise ValueError("one of its layers has no valid configuration.")
    if class_name in ("Lambda", "TFOpLambda", "SlicingOpLambda"):
        raise ValueError(
            f"it contains a {class_name} layer, which is code: no code is taken from a file."
        )
    if class_name in MODELS:
        entry = new_model(tree, depth + 1)
    else:
        config = _arguments(class_name, tree["config"])
        entry = _named(class_name, config, "keras.layers")
        if isinstance(calls, list) and _is_operation(class_name, calls):
            entry["module"] = "keras.src.ops.numpy"
    for key in ("registered_name", "shared_object_id"):
        if tree.get(key) is not None:
            entry[key] = tree[key]
    if calls is not None:
        entry["name"] = tree.get("name")
        entry["inbound_nodes"] = [_call(call) for call in calls] if calls else []
    return entry


def _named(class_name, config, module):
    """An entry of Keras 3; a custom class has a name such as "package>Name"."""
    is_custom = ">" in class_name
    registered = class_name if is_custom else None
    name = class_name.rpartition(">")[2] if is_custom else class_name
    return {
        "module": None if is_custom else module,
        "class_name": name,
        "config": config,
        "registered_name": registered,
    }


def _arguments(class_name, config):
    if not isinstance(config, dict):
        raise ValueError("one of its layers has no configuration.")
    renamed = RENAMED.get(class_name, {})
    new = {}
    for key, value in config.items():
        if key in DROPPED["layer"] and (value in (None, False, True) or isinstance(value, int)):
            continue
        value = _policy(value) if key == "dtype" else _inner(key, value)
        if key == "axis" and isinstance(value, list) and len(value) == 1:
            value = value[0]
        new[renamed.get(key, key)] = value
    return new


def _inner(key, value):
    """An argument that is an object, with its module."""
    if isinstance(value, dict) and isinstance(value.get("class_name"), str):
        module = next((m for ending, m in KINDS.items() if key.endswith(ending)), None)
        if module and "module" not in value:
            return _named(value["class_name"], value.get("config") or {}, module)
    return value


def _policy(value):
    """A dtype; {"class_name": "Policy", "config": {"name": "float32"}} is its name."""
    if isinstance(value, dict) and value.get("class_name") in ("Policy", *POLICIES):
        config = value.get("config")
        return config.get("name") if isinstance(config, dict) else value
    return value


def _with_input(layers):
    """The layers of a Sequential, the first of which may say the shape of its input."""
    first = layers[0] if layers else None
    for layer in layers:
        if layer["class_name"] == "InputLayer" or not isinstance(layer["config"], dict):
            continue
        shape = layer["config"].pop("batch_input_shape", None)
        if layer is first and shape is not None:
            name = f"{layer['config'].get('name')}_input"
            config = {"batch_shape": shape, "name": name}
            layers = [_named("InputLayer", config, "keras.layers"), *layers]
    return layers


def _is_operation(class_name, calls):
    """Whether an entry is an operator such as `x * 2`, and not the layer of the same name."""
    if not operations.contains(class_name):
        return False
    first = calls[0] if calls else None
    arguments = first.get("args") if isinstance(first, dict) else None
    return isinstance(arguments, list) and not (
        len(arguments) == 1 and isinstance(arguments[0], list)
    )


def _call(call):
    """A call in the form of Keras 3; Keras 2 writes [[layer, call, output, arguments], ...]."""
    if not isinstance(call, list):
        return call
    tensors, settings = [], {}
    for item in call:
        if not isinstance(item, list) or not 3 <= len(item) <= 4 or not isinstance(item[0], str):
            raise ValueError("one of its calls of a layer is not supported.")
        config = {"keras_history": item[:3]}
        tensors.append({"class_name": TENSOR, "config": config})
        if len(item) == 4:
            if not isinstance(item[3], dict):
                raise ValueError("one of its calls of a layer is not supported.")
            settings.update({key: value for key, value in item[3].items() if value is not None})
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": settings}


def new_compile_config(tree):
    """The arguments of `compile` in the form of Keras 3, from a `training_config`."""
    if not isinstance(tree, dict):
        raise ValueError("its training configuration is not a dictionary.")
    optimizer = tree.get("optimizer_config")
    config = {
        "loss": _objects(tree.get("loss"), "keras.losses"),
        "loss_weights": tree.get("loss_weights"),
        "metrics": _objects(tree.get("metrics"), "keras.metrics"),
        "weighted_metrics": _objects(tree.get("weighted_metrics"), "keras.metrics"),
    }
    if optimizer is not None:
        config["optimizer"] = _optimizer(optimizer)
    return config


def _optimizer(tree):
    settings = tree.get("config") if isinstance(tree, dict) else None
    if not isinstance(settings, dict) or not isinstance(tree.get("class_name"), str):
        raise ValueError("the configuration of its optimizer is not a dictionary.")
    settings = {k: _inner(k, v) for k, v in settings.items() if k not in DROPPED["optimizer"]}
    if "lr" in settings:
        settings.setdefault("learning_rate", settings.pop("lr"))
    if settings.get("decay") == 0:
        del settings["decay"]
    name = tree["class_name"].removeprefix("Custom>")  # as Keras 2.11 writes its own optimizers
    return _named(name, settings, "keras.optimizers")


def _objects(tree, module, depth=0):
    """Losses or metrics: names, configs, and lists and dictionaries of them."""
    if depth > MAX_NESTING:
        raise ValueError("its training configuration is nested too deep.")
    if isinstance(tree, list):
        return [_objects(item, module, depth + 1) for item in tree]
    if not isinstance(tree, dict):
        return tree
    config = tree.get("config")
    if "class_name" not in tree:
        return {key: _objects(value, module, depth + 1) for key, value in tree.items()}
    if tree["class_name"] == "function":
        return config
    if not isinstance(tree["class_name"], str):
        raise ValueError("its training configuration has an object without a name.")
    if isinstance(config, dict):
        config = {**config}
        if config.get("reduction") == "auto":
            config["reduction"] = "sum_over_batch_size"
        if module == "keras.losses":
            config.pop("fn", None)
        elif config.get("dtype") is not None:
            config["dtype"] = _policy(config["dtype"])
    return _named(tree["class_name"], config, module)


# ----------------------------------------------------------------------------------- from Keras 3


def old_model(tree):
    """The configuration of a model as Keras 3 writes it to .h5 files."""
    config = dict(tree["config"])
    config["layers"] = [_old_layer(entry) for entry in config["layers"]]
    return {"class_name": _old_name(tree), "config": config}


def _old_layer(entry):
    if entry["class_name"] in MODELS:
        old = old_model(entry)
    else:
        old = {"class_name": _old_name(entry), "config": entry["config"]}
    return {**old, **{key: entry[key] for key in ("name", "inbound_nodes") if key in entry}}


def _old_name(entry):
    return entry.get("registered_name") or entry["class_name"]


def old_compile_config(config):
    """A `training_config`, from the arguments of `compile`."""
    training = {key: _old_objects(value) for key, value in config.items() if key != "optimizer"}
    optimizer = config.get("optimizer")
    if optimizer is not None:
        training["optimizer_config"] = {
            "class_name": _old_name(optimizer),
            "config": optimizer["config"],
        }
    return training


def _old_objects(tree):
    if isinstance(tree, list):
        return [_old_objects(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "class_name" not in tree:
        return {key: _old_objects(value) for key, value in tree.items()}
    if tree["class_name"] == "function":
        return tree["config"]
    return {"class_name": _old_name(tree), "config": tree["config"]}
