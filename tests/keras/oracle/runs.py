"""What record.py runs with real Keras and test_layers_keras.py with fastcnn: the rows of the table.

Weights and data of a row of tests/support/layer_cases.py follow from its name through NumPy's
`RandomState`, whose streams never change.
"""

import zlib

import numpy as np

from tests.support.layer_cases import CASES, each, with_batch

BATCH = 3
STEPS = 10
PROJECTIONS = 10


def random_of(name, role):
    """A RandomState for one purpose of a row."""
    return np.random.RandomState(zlib.crc32(f"{name}: {role}".encode()))


def values(name, role, shape):
    """Distinct values in [-1.5, 1.5) for inputs, targets and gradients."""
    return (3 * random_of(name, role).random_sample(shape) - 1.5).astype(np.float32)


def inputs(name):
    """The batch that the row's layer is run on, or a list of them."""
    shape = with_batch(CASES[name].shape, BATCH)
    if type(shape) is list:
        return [values(name, f"x {index}", one) for index, one in enumerate(shape)]
    return values(name, "x", shape)


def weights(name, variables):
    """Weights for `set_weights`: uniform in [-0.5, 0.5); variances in [0.5, 1.5)."""
    found = []
    for index, variable in enumerate(variables):
        array = random_of(name, f"weight {index}").random_sample(tuple(variable.shape))
        array = array + 0.5 if "variance" in variable.name else array - 0.5
        found.append(array.astype(np.float32) * (variable.name != "count"))
    return found


def set_weights(layer, name):
    """Give a layer or a model the weights of the row."""
    layer.set_weights(weights(name, layer.weights))
    for part in (layer, *getattr(layer, "layers", ())):
        if hasattr(part, "finalize_state"):  # Keras's Normalization keeps copies
            part.finalize_state()


def model(keras, name, *more):
    """Input, the layer and `more` layers, with the weights of the row."""
    case = CASES[name]
    if type(case.shape) is list:
        tensors = each(keras.Input, case.shape)
        y = case.make(keras)(tensors)
        for layer in more:
            y = layer(y)
        found = keras.Model(tensors, y)
    else:
        found = keras.Sequential([keras.Input(case.shape), case.make(keras), *more])
    set_weights(found, name)
    return found


def model_in_a_file(keras, name):
    """The model that is saved for a row: the names in it do not depend on other models."""
    keras.backend.clear_session()
    return model(keras, name)


def train(keras, name):
    """The losses of ten steps, with a Dense(2) behind the layer, and the weights after them."""
    trained = model(keras, name, keras.layers.Flatten(), keras.layers.Dense(2))
    trained.compile(optimizer=keras.optimizers.SGD(0.002), loss="mean_squared_error")
    x, y = inputs(name), values(name, "target", (BATCH, 2))
    losses = [float(np.ravel(trained.train_on_batch(x, y))[0]) for _ in range(STEPS)]
    return losses, trained.get_weights()


def fingerprint(array):
    """A few values that tell arrays apart: all of a small one, random projections of a large one.

    A projection is the sum of the elements with random signs over the root of their count.
    """
    flat = np.asarray(array, np.float64).ravel()
    if flat.size <= PROJECTIONS:
        return flat.tolist()
    signs = np.random.RandomState(flat.size).choice([-1.0, 1.0], (PROJECTIONS, flat.size))
    return (signs @ flat / np.sqrt(flat.size)).tolist()
