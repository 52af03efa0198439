"""Every kernel again in plain NumPy: same names, same arguments, one file a family."""

from fastcnn.kernels.reference.activations import *  # noqa: F403
from fastcnn.kernels.reference.affine import *  # noqa: F403
from fastcnn.kernels.reference.conv import *  # noqa: F403
from fastcnn.kernels.reference.depthwise import *  # noqa: F403
from fastcnn.kernels.reference.normalization import *  # noqa: F403
