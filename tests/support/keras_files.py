"""Compare a .keras file that this package wrote with what real Keras writes for the same model."""

import json
import math
import zipfile

import h5py

NEWER = ("delta",)  # Keras 3.15 forgets to write it for Huber, but takes it


def assert_same_file(ours, theirs):
    """The same members, configuration, arrays and groups; `ours` and `theirs` are files."""
    ours, theirs = (zipfile.ZipFile(file) for file in (ours, theirs))
    assert ours.namelist() == theirs.namelist()
    assert all(member.compress_type == zipfile.ZIP_STORED for member in ours.infolist())
    assert json.loads(ours.read("metadata.json")).keys() == {"keras_version", "date_saved"}
    configs = [json.loads(archive.read("config.json")) for archive in (ours, theirs)]
    assert_same_config(*configs, "config")
    trees = [tree(archive.open("model.weights.h5")) for archive in (ours, theirs)]
    assert trees[0] == trees[1]


def assert_same_config(ours, theirs, path):
    """Assert that `ours` has the arguments of Keras's with their values, and no other.

    An argument that is missing is None.
    """
    if isinstance(theirs, dict):
        assert isinstance(ours, dict), path
        ours, theirs = (
            {key: value for key, value in tree.items() if value is not None}
            for tree in (ours, theirs)
        )
        theirs.pop("shared_object_id", None)
        ours = {key: ours[key] for key in ours if key in theirs or key not in NEWER}
        theirs = {key: value for key, value in theirs.items() if value != {} or key in ours}
        if "layers" in path or path == "config":
            ours.pop("build_config", None), theirs.pop("build_config", None)
        if path == "config.compile_config":  # Keras writes what "auto" has become
            ours.pop("jit_compile"), theirs.pop("jit_compile")
        assert ours.keys() == theirs.keys(), path
        for key, value in theirs.items():
            assert_same_config(ours[key], value, f"{path}.{key}")
    elif isinstance(theirs, list):
        assert isinstance(ours, list), path
        assert len(ours) == len(theirs), path
        for index, value in enumerate(theirs):
            assert_same_config(ours[index], value, f"{path}.{index}")
    elif isinstance(theirs, float):
        assert math.isclose(ours, theirs, rel_tol=1e-6), path
    else:
        assert ours == theirs, path


def tree(file):
    """{path: (shape, dtype)} of the arrays of an HDF5 file, and the names of its groups."""
    found = {}

    def visit(path, node):
        if isinstance(node, h5py.Dataset):
            found[path] = node.shape, node.dtype.name
        elif path != "optimizer/vars" and "/activation" not in path:
            found[path] = dict(node.attrs)

    with h5py.File(file) as hdf5:
        hdf5.visititems(visit)
    return found
