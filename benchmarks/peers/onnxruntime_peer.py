"""ONNX Runtime: prediction with a fixed batch size and all graph optimizations enabled."""

import onnxruntime

from benchmarks.onnx_model import channels_first_images, channels_last_scores, onnx_model
from benchmarks.peers.onnx_rows import exported
from benchmarks.peers.serve import Peer, serve


class OnnxRuntime(Peer):
    def versions(self):
        return {"onnxruntime": onnxruntime.__version__}

    def _session(self, model):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        return onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])

    def prediction(self, net, batch, method):
        session = self._session(onnx_model(net, batch).SerializeToString())
        images = channels_first_images(self.images(net, batch))
        feed = {f"images_{index}": array for index, array in enumerate(images)}
        latest = []

        def call():
            latest[:] = session.run(None, feed)

        return call, lambda: channels_last_scores(latest[0])

    def row(self, row, size, phase, method):
        model, feed, restored = exported(row, size, phase)
        session = self._session(model)
        latest = []

        def call():
            latest[:] = session.run(None, feed)

        return call, lambda: restored(latest[0])


if __name__ == "__main__":
    serve(OnnxRuntime)
