"""`from fastcnn import keras`: the same face as `import fastcnn as keras`."""

import sys

import fastcnn

sys.modules[__name__] = fastcnn
