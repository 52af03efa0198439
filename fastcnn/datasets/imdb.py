"""IMDB: 50,000 film reviews as lists of word ranks, half of them positive (Maas 2011)."""

import numpy as np

from fastcnn.datasets import fetch, keras_files, sequences
from fastcnn.datasets.lists import read_lists


def read(path, file):
    """The arrays of a verified `imdb.npz`, by name."""
    fetch.verify(path, file)
    with np.load(path, allow_pickle=False) as arrays:
        labels = {name: arrays[name] for name in ("y_train", "y_test")}
    return labels | {name: read_lists(path, name) for name in ("x_train", "x_test")}


DATASET = keras_files.describe(
    "imdb.npz",
    17464789,
    "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
    read,
)
WORDS = keras_files.describe(
    "imdb_word_index.json", 1641221, "bfafd718b763782e994055a2d397834f", sequences.read_json
)


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """The reviews as `(x_train, y_train), (x_test, y_test)`.

    Args:
        path: a folder that contains `imdb.npz`, or the file. Otherwise the search continues as
            documented in `fastcnn/datasets/fetch.py`, and ends with a download.
        num_words: words of this rank and beyond become `oov_char`; None keeps all.
        skip_top: so do the most frequent words, of lower ranks than this.
        maxlen: reviews of this length and beyond are left out.
        seed: an integer that determines the order, as in Keras.
        start_char: the number at the start of each review, or None.
        oov_char: see `num_words`; None leaves such words out.
        index_from: added to the ranks in the file, which begin at 1.

    Returns:
        x: arrays of 25,000 lists of integers; y: integer labels, 0 negative and 1 positive.

    Raises:
        ValueError: no review is shorter than `maxlen`.
        FileNotFoundError: the file was not found; the message lists every location and the reason.
    """
    arrays = keras_files.load(DATASET, path)
    texts, labels, counts, generator = [], [], [], np.random.RandomState(seed)
    for part in ("train", "test"):
        x, y = sequences.shuffled(arrays[f"x_{part}"], arrays[f"y_{part}"], generator)
        x = sequences.shifted(x, start_char, index_from)
        x, y = sequences.shorter(x, y, maxlen)
        if not x:
            raise ValueError(f"No review is shorter than maxlen={maxlen}: use a larger `maxlen`.")
        texts += x
        labels.append(y)
        counts.append(len(x))
    x = sequences.limited(texts, num_words, skip_top, oov_char)
    cut = counts[0]
    return (x[:cut], labels[0]), (x[cut:], labels[1])


def get_word_index(path="imdb_word_index.json"):
    """{word: its rank}, from 1 for the most frequent; `load_data` adds `index_from` to the ranks.

    Args:
        path: a folder that contains `imdb_word_index.json`, or the file; else as in `load_data`.
    """
    return keras_files.load(WORDS, path)
