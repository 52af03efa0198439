"""What `imdb` and `reuters` share: texts as lists of the ranks of their words."""

import json

import numpy as np

from fastcnn.datasets import fetch


def read_json(path, file):
    """The dictionary in a verified JSON file."""
    fetch.verify(path, file)
    with open(path, encoding="utf-8") as stream:
        return json.load(stream)


def shuffled(texts, labels, generator):
    """Texts and labels in the order that Keras draws from a `RandomState`."""
    order = np.arange(len(texts))
    generator.shuffle(order)
    return [texts[index] for index in order], labels[order]


def shifted(texts, start_char, index_from):
    """Each word's rank plus `index_from`, after a `start_char` unless that is None."""
    start = [] if start_char is None else [start_char]
    shift = index_from or 0
    return [start + [word + shift for word in text] for text in texts]


def shorter(texts, labels, maxlen):
    """The texts with fewer than `maxlen` words, with their labels; 0 and None are no limit."""
    if not maxlen:
        return texts, labels
    kept = [index for index, text in enumerate(texts) if len(text) < maxlen]
    return [texts[index] for index in kept], labels[kept]


def limited(texts, num_words, skip_top, oov_char):
    """The texts with words outside of [skip_top, num_words) replaced, or left out, as an array."""
    if not num_words:
        num_words = max(map(max, texts), default=0)
    known = range(skip_top, num_words)
    if oov_char is None:
        texts = [[word for word in text if word in known] for text in texts]
    else:
        texts = [[word if word in known else oov_char for word in text] for text in texts]
    array = np.empty(len(texts), object)
    array[:] = texts
    return array
