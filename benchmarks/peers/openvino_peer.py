"""OpenVINO: prediction of an ONNX graph in float32, one request at a time, with shared arrays.

On CPUs with bfloat16 units OpenVINO computes in bfloat16 by default. Here it uses float32, like all
other frameworks.
"""

import openvino

from benchmarks.onnx_model import channels_first_images, channels_last_scores, onnx_model
from benchmarks.peers.onnx_rows import exported
from benchmarks.peers.serve import Peer, serve


class OpenVino(Peer):
    def versions(self):
        return {"openvino": openvino.__version__.split("-")[0]}

    def _request(self, model):
        core = openvino.Core()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self.threads,
            "PERFORMANCE_HINT": "LATENCY",
        }
        return core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()

    def prediction(self, net, batch, method):
        request = self._request(onnx_model(net, batch).SerializeToString())
        images = channels_first_images(self.images(net, batch))
        latest = []

        def call():
            latest[:] = [request.infer(images, share_inputs=True, share_outputs=True)]

        return call, lambda: channels_last_scores(latest[0][0])

    def row(self, row, size, phase, method):
        model, feed, restored = exported(row, size, phase)
        request = self._request(model)
        latest = []

        def call():
            latest[:] = [request.infer(feed, share_inputs=True, share_outputs=True)]

        return call, lambda: restored(latest[0][0])


if __name__ == "__main__":
    serve(OpenVino)
