"""Where the tests and what they read are."""

import os
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent  # of the checkout; when a wheel is tested, of a copy without the package
# Of the checkout with the package's C and Cython sources and setup.py (tools/wheel.sh sets it).
SOURCES = Path(os.environ.get("FASTCNN_SOURCES", ROOT))
