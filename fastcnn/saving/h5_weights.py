"""Weights in Keras's HDF5 layout: .weights.h5 files, and `model.weights.h5` inside a .keras file.

    vars                            attribute "name": the model's name
    layers/conv2d/vars/0, 1, ...    a layer's weights; the attribute "name" of `vars` is its name
    layers/flatten/vars             empty: a layer without weights
    optimizer/vars/0, 1, 2, ...     iteration, learning rate (unless a schedule sets it), slots
    optimizer/optimizers/adam/vars  the state of an optimizer inside of another one, once more

Written with h5py, read with `hdf5`.
"""

import io

from fastcnn.saving import weights
from fastcnn.saving.atomic import atomic_write
from fastcnn.saving.hdf5 import read_datasets
from fastcnn.saving.window import Window


def to_bytes(model):
    """The model's weights and its optimizer's state as an in-memory HDF5 file.

    Raises:
        ValueError: the file exceeds the limits on files.
    """
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=("earliest", "latest")) as file:
        file.create_group("vars").attrs["name"] = model.name
        for path, layer in weights.groups(model):
            file.create_group(f"{path}/vars").attrs["name"] = layer.name
        for path, variable in weights.named_weights(model).items():
            file[path] = variable.value
        if model.optimizer is not None:
            for path, optimizer in weights.optimizers(model.optimizer):
                group = file.create_group(f"{path}/vars")
                group.attrs["name"] = optimizer.name
                for index, array in enumerate(weights.state_arrays(model, optimizer)):
                    group[str(index)] = array
    read_datasets(Window(buffer, "The weights cannot be saved"))
    return buffer


def read_tensors(window):
    """{path: Tensor} for all arrays in an HDF5 file."""
    return {
        path: weights.Tensor(window, dataset.shape, dataset.dtype, dataset.offset)
        for path, dataset in read_datasets(window).items()
    }


def save_weights(path, model):
    """Write a model's weights and its optimizer's state to a file, atomically."""
    buffer = to_bytes(model)
    with atomic_write(path) as file:
        file.write(buffer.getbuffer())


def load_weights(path, model, skip_mismatch=False):
    """Read the weights of a built model from a .weights.h5 file; see `restore`."""
    with open(path, "rb") as file:
        return restore(model, Window(file, str(path)), skip_mismatch)


def restore(model, window, skip_mismatch=False):
    """Load the weights in an HDF5 file into a built model; nothing is assigned unless all match.

    With `skip_mismatch`, layers that do not match are skipped with a warning.

    The optimizer of a compiled model is restored as well, if the file contains a matching state.

    Returns:
        False if the file contains an optimizer state that does not match the model's optimizer.
    """
    named = weights.named_weights(model)
    tensors, state = weights.split_state(read_tensors(window))
    if skip_mismatch:
        named = weights.check_layers(window.name, tensors, model)
    else:
        weights.check_fit(window.name, tensors, named)
    values = weights.read(tensors, named)
    fits = True
    if model.optimizer is not None and state:
        fits = weights.restore_state(window.name, model, state)  # or raises, changing nothing
    weights.assign(values, named)
    return fits
