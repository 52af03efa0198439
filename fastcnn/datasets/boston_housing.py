"""Boston housing: 506 suburbs with 13 attributes and the median value of their houses.

The data include an attribute about the share of Black residents that assumes an influence of
segregation on prices: use them only to show such problems, and `california_housing` otherwise.
"""

from fastcnn.datasets import keras_files

DATASET = keras_files.describe(
    "boston_housing.npz",
    57026,
    "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
    keras_files.read_arrays,
)


def load_data(path="boston_housing.npz", test_split=0.2, seed=113):
    """Boston housing as `(x_train, y_train), (x_test, y_test)`.

    Args:
        path: a folder that contains `boston_housing.npz`, or the file. Otherwise the search
            continues as documented in `fastcnn/datasets/fetch.py`, and ends with a download.
        test_split: the fraction of the samples to use for the test.
        seed: an integer that determines the order, as in Keras.

    Returns:
        float64 arrays of shapes (404, 13), (404,), (102, 13), (102,); prices in 1,000 dollars.

    Raises:
        ValueError: `test_split` is not in [0, 1).
        FileNotFoundError: the file was not found; the message lists every location and the reason.
    """
    x, y = keras_files.load(DATASET, path)
    return keras_files.split(x, y, test_split, seed)
