"""`pad_sequences`, as Keras's older scripts import it."""

import sys

from fastcnn.core.lazy import explain_missing
from fastcnn.utils.sequences import pad_sequences

__all__ = ["pad_sequences"]

explain_missing(sys.modules[__name__])
