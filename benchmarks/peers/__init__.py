"""One program per framework; `benchmarks.session` starts each in a separate process.

A peer reads requests from its standard input, one JSON object per line, and answers each with one
on its standard output (serve.py). `PEERS` lists them in the order of the tables.
"""

PEERS = ("fastcnn", "keras", "torch", "onnxruntime", "openvino")
