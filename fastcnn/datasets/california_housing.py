"""California housing: 20,640 districts with 8 attributes and the median value of their houses.

The attributes are longitude, latitude, the median age of the houses, total rooms, total bedrooms,
population, households and median income, from the census of 1990.
"""

from fastcnn.datasets import keras_files

SMALL = 600  # samples
DATASET = keras_files.describe(
    "california_housing.npz",
    743530,
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    keras_files.read_arrays,
)


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """California housing as `(x_train, y_train), (x_test, y_test)`.

    Args:
        version: "large", or "small", the first 600 samples.
        path: a folder that contains `california_housing.npz`, or the file. Otherwise the search
            continues as documented in `fastcnn/datasets/fetch.py`, and ends with a download.
        test_split: the fraction of the samples to use for the test.
        seed: an integer that determines the order, as in Keras.

    Returns:
        Arrays of shapes (n, 8) and (n,) for training, and for the test; prices in dollars.

    Raises:
        ValueError: another version, or `test_split` is not in [0, 1).
        FileNotFoundError: the file was not found; the message lists every location and the reason.
    """
    if version not in ("small", "large"):
        raise ValueError(
            f'The argument `version` must be "small" or "large". Received version={version!r}.'
        )
    x, y = keras_files.load(DATASET, path)
    count = SMALL if version == "small" else len(x)
    return keras_files.split(x[:count], y[:count], test_split, seed)
