"""ONNX Runtime: prediction with a fixed batch size and all graph optimizations enabled."""

import onnxruntime

from benchmarks.onnx_model import channels_first_images, channels_last_scores, onnx_model
from benchmarks.peers.serve import Peer, serve


class OnnxRuntime(Peer):
    def versions(self):
        return {"onnxruntime": onnxruntime.__version__}

    def prediction(self, net, batch, method):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        model = onnx_model(net, batch).SerializeToString()
        session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        images = channels_first_images(self.images(net, batch))
        feed = {f"images_{index}": array for index, array in enumerate(images)}
        latest = []

        def call():
            latest[:] = session.run(None, feed)

        return call, lambda: channels_last_scores(latest[0])


if __name__ == "__main__":
    serve(OnnxRuntime)
