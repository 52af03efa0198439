"""Training one model in several processes, on one machine or many, as in `keras.distribution`.

import fastcnn as keras

keras.distribution.set_distribution(keras.distribution.DataParallel())
model.fit(x, y, batch_size=256, epochs=5)       # mpiexec -n 4 python script.py

Requires mpi4py: `pip install 'fastcnn[mpi]'`. docs/distributed.md explains it.
"""

import sys

from fastcnn.core.lazy import explain_missing
from fastcnn.distribution.communicator import RankError
from fastcnn.distribution.data_parallel import (
    DataParallel,
    distribution,
    get_device_count,
    list_devices,
    set_distribution,
)

__all__ = [
    "DataParallel",
    "RankError",
    "distribution",
    "get_device_count",
    "list_devices",
    "set_distribution",
]

explain_missing(sys.modules[__name__])
