"""OpenVINO: prediction of an ONNX graph in float32, one request at a time, with shared arrays.

On CPUs with bfloat16 units OpenVINO computes in bfloat16 by default. Here it uses float32, like all
other frameworks.
"""

import numpy as np
import openvino

from benchmarks.onnx_model import onnx_model
from benchmarks.peers.serve import Peer, serve


class OpenVino(Peer):
    def versions(self):
        return {"openvino": openvino.__version__.split("-")[0]}

    def prediction(self, net, batch, method):
        core = openvino.Core()
        model = core.read_model(onnx_model(net, net.weights(), batch).SerializeToString())
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self.threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        request = core.compile_model(model, "CPU", settings).create_infer_request()
        images = np.ascontiguousarray(self.images(net, batch).transpose(0, 3, 1, 2))
        latest = []

        def call():
            latest[:] = [request.infer([images], share_inputs=True, share_outputs=True)]

        return call, lambda: latest[0][0]


if __name__ == "__main__":
    serve(OpenVino)
