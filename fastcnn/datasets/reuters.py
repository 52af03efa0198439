"""Reuters: 11,228 news in 46 topics, as lists of word ranks."""

import numpy as np

from fastcnn.datasets import fetch, keras_files, sequences
from fastcnn.datasets.lists import read_lists

LABELS = (
    *("cocoa", "grain", "veg-oil", "earn", "acq", "wheat", "copper", "housing"),
    *("money-supply", "coffee", "sugar", "trade", "reserves", "ship", "cotton", "carcass"),
    *("crude", "nat-gas", "cpi", "money-fx", "interest", "gnp", "meal-feed", "alum"),
    *("oilseed", "gold", "tin", "strategic-metal", "livestock", "retail", "ipi", "iron-steel"),
    *("rubber", "heat", "jobs", "lei", "bop", "zinc", "orange", "pet-chem"),
    *("dlr", "gas", "silver", "wpi", "hog", "lead"),
)


def read(path, file):
    """The arrays of a verified `reuters.npz`: (lists, labels)."""
    fetch.verify(path, file)
    with np.load(path, allow_pickle=False) as arrays:
        labels = arrays["y"]
    return read_lists(path, "x"), labels


DATASET = keras_files.describe(
    "reuters.npz",
    2110848,
    "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
    read,
)
WORDS = keras_files.describe(
    "reuters_word_index.json", 550378, "4d44cc38712099c9e383dc6e5f11a921", sequences.read_json
)


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
):
    """The news as `(x_train, y_train), (x_test, y_test)`.

    Args:
        path: a folder that contains `reuters.npz`, or the file. Otherwise the search continues as
            documented in `fastcnn/datasets/fetch.py`, and ends with a download.
        num_words: words of this rank and beyond become `oov_char`; None keeps all.
        skip_top: so do the most frequent words, of lower ranks than this.
        maxlen: texts of this length and beyond are left out.
        test_split: the fraction of the texts to use for the test.
        seed: an integer that determines the order, as in Keras.
        start_char: the number at the start of each text, or None.
        oov_char: see `num_words`; None leaves such words out.
        index_from: added to the ranks in the file, which begin at 1.

    Returns:
        x: arrays of lists of integers; y: integer labels, see `get_label_names`.

    Raises:
        FileNotFoundError: the file was not found; the message lists every location and the reason.
    """
    texts, labels = keras_files.load(DATASET, path)
    texts, labels = sequences.shuffled(texts, labels, np.random.RandomState(seed))
    if start_char is not None or index_from:
        texts = sequences.shifted(texts, start_char, index_from)
    texts, labels = sequences.shorter(texts, labels, maxlen)
    x = sequences.limited(texts, num_words, skip_top, oov_char)
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], labels[:cut]), (x[cut:], labels[cut:])


def get_word_index(path="reuters_word_index.json"):
    """{word: its rank}, from 1 for the most frequent; `load_data` adds `index_from` to the ranks.

    Args:
        path: a folder that contains `reuters_word_index.json`, or the file; else as in `load_data`.
    """
    return keras_files.load(WORDS, path)


def get_label_names():
    """The topics, in the order of the labels."""
    return LABELS
