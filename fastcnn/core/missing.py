"""What the error about a missing name says: what to use instead, or which name is similar.

Imported only once a name is missing. The names of Keras in HINTS are those that docs/keras.md lists
as not supported; a test compares them.
"""

import difflib
import importlib
import re

NUMPY = "use `ops`, or NumPy"
FLOAT32 = "computations are in float32"
TENSORFLOW = "this part of TensorFlow is not supported; use NumPy or `keras.ops`"
NOT_SUPPORTED = "this part of Keras is not supported"
RANDOM = "use `random.normal`, `random.uniform` and so on, with a `seed`"
IMAGES = "only images (batch, height, width, channels) and sequences are supported"
QUIET = "`verbose=0` in `fit`, `evaluate` and `predict` turns the progress bar off"
GRADIENT = (
    "operations have no gradients; write a `Layer` with `forward` and `backward`, or use "
    "`keras.gradients` of a model"
)
MPI = "start the program with `mpiexec` and use `distribution.DataParallel`"
CPU = "everything runs on the CPU; `config.set_num_threads` sets the number of threads"

HINTS = {  # module -> {what to use instead: the missing names}
    "fastcnn": {
        "write a `Layer` or a `Loss` with its gradient and train with `fit`": (
            "GradientTape custom_gradient"
        ),
        "use `Model(inputs, outputs)`": "Function Module Operation Graph",
        "pretrained networks are not included; `load_weights` reads weights from files": (
            "applications"
        ),
        FLOAT32: (
            "mixed_precision DTypePolicy FloatDTypePolicy dtype_policies quantizers Quantizer "
            "bfloat16 float16 quantization"
        ),
        "use `activations`, as in `activations.softmax(x)`, or `ops.nn`": "nn",
        "use `preprocessing.image`, or layers such as `layers.RandomFlip`": "image",
        "use `callbacks.TensorBoard`": "summary",
        "use `fastcnn.__version__`": "version",
        "use `model.save` and `models.load_model`": "saved_model",
        "use `model.export`": "export lite",
        "use `BackupAndRestore` or `ModelCheckpoint` of `callbacks`": "train",
        "functions run as they are, without a graph": (
            "function autograph executing_eagerly py_function numpy_function"
        ),
        CPU: "device test",
        MPI: "distribute",
        "use NumPy, `keras.ops` or `from fastcnn import tf`": (
            "Tensor Variable TensorShape TensorSpec RaggedTensor SparseTensor abs add argmax "
            "argmin argsort bool boolean_mask broadcast_to cast clip_by_value concat constant "
            "convert_to_tensor cumsum divide einsum equal exp expand_dims eye fill float32 "
            "float64 floor gather greater int32 int64 io is_tensor less linalg linspace math "
            "matmul maximum meshgrid minimum multiply newaxis norm one_hot ones ones_like pad pow "
            "range rank reduce_max reduce_mean reduce_min reduce_sum repeat reshape reverse round "
            "shape sigmoid sign signal size slice sort split sqrt square squeeze stack "
            "stop_gradient strings subtract tanh tensordot tile transpose uint8 unique where "
            "zeros zeros_like"
        ),
        NOT_SUPPORTED: (
            "InputSpec RematScope StatelessScope SymbolicScope compat debugging distillation "
            "estimator experimental feature_column legacy lookup name_scope ragged remat sparse "
            "tree types visualization"
        ),
    },
    "fastcnn.layers": {
        "recurrent layers are not supported": (
            "Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell Masking RNN "
            "SimpleRNN SimpleRNNCell StackedRNNCells TimeDistributed CuDNNGRU CuDNNLSTM"
        ),
        "attention layers are not supported": (
            "AdditiveAttention Attention GroupQueryAttention MultiHeadAttention"
        ),
        "encode text and categories as numbers before the network": (
            "CategoryEncoding Discretization Embedding HashedCrossing Hashing IntegerLookup "
            "ReversibleEmbedding StringLookup TextVectorization"
        ),
        "write a `Layer` with `forward` and `backward`": "Lambda Wrapper",
        "use the layers in `layers`": "experimental",
        NOT_SUPPORTED: (
            "EinsumDense FlaxLayer InputSpec JaxLayer MaxNumBoundingBoxes MelSpectrogram "
            "STFTSpectrogram TFSMLayer TorchModuleWrapper"
        ),
    },
    "fastcnn.ops": {
        GRADIENT: "custom_gradient jvp",
    },
    "fastcnn.ops.image": {
        "use `layers.RandomElasticTransform`, or `map_coordinates`": "elastic_transform",
    },
    "fastcnn.ops.linalg": {GRADIENT: "jvp"},
    "fastcnn.tf": {
        "write a `Layer` or a `Loss` with its gradient and train with `fit`": (
            "GradientTape custom_gradient gradients recompute_grad"
        ),
        "there is no graph: functions run as they are": "Graph Operation autograph compat",
        "there is no sparse or ragged data, and no table of strings: use arrays and Python": (
            "RaggedTensor SparseTensor lookup ragged raw_ops sets sparse"
        ),
        "use `model.save` and `tf.keras.models.load_model`": "Module saved_model train",
        "use `tf.keras.callbacks.TensorBoard`": "summary",
        "use `model.export`": "lite",
        CPU: "distribute tpu",
    },
    "fastcnn.activations": {NOT_SUPPORTED: "glu"},
    "fastcnn.losses": {
        'pass a string: `reduction="sum"`': "Reduction",
        "networks are not trained on alignments of sequences; `ops.ctc_loss` returns the values": (
            "CTC ctc"
        ),
    },
    "fastcnn.optimizers": {"use the optimizers in `optimizers`": "experimental"},
    "fastcnn.callbacks": {
        QUIET: "ProgbarLogger",
        "Orbax's format is not supported; use `ModelCheckpoint` or `BackupAndRestore`": (
            "OrbaxCheckpoint"
        ),
        NOT_SUPPORTED: "experimental",
    },
    "fastcnn.initializers": {NOT_SUPPORTED: "STFT STFTInitializer stft"},
    "fastcnn.models": {
        "use `model_from_json`": "model_from_yaml",
    },
    "fastcnn.saving": {NOT_SUPPORTED: "KerasFileEditor"},
    "fastcnn.preprocessing": {
        "encode text as numbers before the network": "text text_dataset_from_directory",
        NOT_SUPPORTED: "timeseries timeseries_dataset_from_array",
    },
    "fastcnn.preprocessing.sequence": {
        NOT_SUPPORTED: "TimeseriesGenerator make_sampling_table skipgrams",
    },
    "fastcnn.utils": {
        QUIET: (
            "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled"
        ),
        "use `utils.to_categorical`": "np_utils",
        "use `plot_model`": "model_to_dot",
        NOT_SUPPORTED: (
            "FeatureSpace audio_dataset_from_directory get_source_inputs "
            "text_dataset_from_directory timeseries_dataset_from_array"
        ),
    },
    "fastcnn.random": {
        RANDOM: ("Generator poisson stateless_normal stateless_uniform"),
    },
    "fastcnn.backend": {
        NUMPY: (
            "abs argmax argmin cast clip concatenate dot eval exp expand_dims flatten int_shape "
            "is_float_dtype is_int_dtype log max maximum mean min minimum ndim ones pow prod "
            "result_type round shape sigmoid sign softmax sqrt square squeeze standardize_dtype "
            "std sum transpose zeros"
        ),
        NOT_SUPPORTED: (
            "function get_session get_uid gradients is_keras_tensor learning_phase "
            "set_learning_phase set_session tensorflow_backend variable"
        ),
    },
    "fastcnn.config": {
        CPU: (
            "experimental get_visible_devices list_logical_devices list_physical_devices "
            "set_visible_devices threading"
        ),
        FLOAT32: "dtype_policy set_dtype_policy",
        QUIET: (
            "disable_interactive_logging enable_interactive_logging is_interactive_logging_enabled"
        ),
        "functions run as they are, without a graph": (
            "functions_run_eagerly run_functions_eagerly"
        ),
        NOT_SUPPORTED: (
            "disable_flash_attention disable_traceback_filtering enable_flash_attention "
            "enable_traceback_filtering enable_unsafe_deserialization is_flash_attention_enabled "
            "is_nnx_enabled is_traceback_filtering_enabled max_epochs max_steps_per_epoch "
            "set_max_epochs set_max_steps_per_epoch"
        ),
    },
    "fastcnn.distribution": {
        MPI: "initialize DeviceMesh",
        "only data parallelism is supported: use `distribution.DataParallel`": (
            "LayoutMap ModelParallel TensorLayout distribute_tensor"
        ),
    },
    "fastcnn.data": {
        "use `data.Dataset`": (
            "FixedLengthRecordDataset Iterator NumpyIterator Options TFRecordDataset "
            "TextLineDataset experimental"
        ),
    },
    "fastcnn.wrappers": {
        "use `wrappers.SKLearnClassifier` or `wrappers.SKLearnRegressor`": "scikit_learn",
    },
}
PUBLIC = (  # modules where a name may be that is missing in another one
    *("layers", "models", "losses", "metrics", "optimizers", "optimizers.schedules", "callbacks"),
    *("activations", "initializers", "regularizers", "constraints", "datasets", "utils"),
    *("saving", "config"),
)


def sentence(module, name):
    """The error message for a missing name."""
    text = f"module {module!r} has no attribute {name!r}"
    hint = find_hint(module, name)
    if hint:
        return f"{text}: {hint}."
    similar = find_similar(module, name)
    return f"{text}. Did you mean {similar!r}?" if similar else f"{text}."


def find_hint(module, name):
    """What to use instead of a name of Keras or TensorFlow, or None."""
    for hint, names in HINTS.get(module, {}).items():
        if name in names.split():
            return hint
    if module.partition(".")[2].partition(".")[0] == "tf":
        return TENSORFLOW
    if module == "fastcnn.layers" and re.search("3D(Transpose)?$", name):
        return IMAGES
    return None


def find_similar(module, name):
    """The public name that was probably meant, such as 'Conv2D' for `conv2d`, or None."""
    package = importlib.import_module(module)
    names = {known.lower(): known for known in dir(package) if is_public(package, known)}
    if name.lower() in names:
        return names[name.lower()]
    if not module.startswith("fastcnn.kernels"):
        for other in PUBLIC:
            if is_public(importlib.import_module(f"fastcnn.{other}"), name):
                return f"{other}.{name}"
    close = difflib.get_close_matches(name.lower(), names, n=1)
    return names[close[0]] if close else None


def is_public(module, name):
    """Whether a module lists this name or defines it, itself or in a module inside of it."""
    if name.startswith("_") or name not in dir(module):
        return False
    if name in getattr(module, "__all__", ()):
        return True
    home = getattr(getattr(module, name), "__module__", None) or ""
    return home.startswith(module.__name__)
