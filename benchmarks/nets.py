"""The networks of the comparison: chains (tests/support/shapes.py) and graphs (graphs.py)."""

from tests.support.graphs import GRAPHS
from tests.support.shapes import NETS as CHAINS

NETS = CHAINS | GRAPHS
GROUPS = {"chains": list(CHAINS), "graphs": list(GRAPHS)}
