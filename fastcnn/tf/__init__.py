"""The part of TensorFlow that Keras scripts use, on NumPy: `from fastcnn import tf`.

    >>> from fastcnn import tf
    >>> x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    >>> tf.reduce_mean(x).numpy()
    np.float32(2.5)
    >>> tf.image.resize(tf.ones((1, 4, 4, 3)), (2, 2)).shape
    (1, 2, 2, 3)
    >>> tf.keras.layers.Dense(2)(x).shape
    (2, 2)

Everything runs at once, on arrays, and returns `Tensor`s; there are no graphs and no gradients
(`GradientTape`): models are trained with `fit`. Where TensorFlow refuses operands of different
types, they are converted as `keras.ops` does. `__version__` is that of the TensorFlow that names,
signatures and results follow.
"""

from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING

from fastcnn.core.aliases import Aliases
from fastcnn.core.lazy import attach

__version__ = "2.21.0"

NAMES = {  # module in this package -> the names at the top of TensorFlow that it defines
    "arranging": (
        "argsort boolean_mask broadcast_to concat expand_dims gather gather_nd meshgrid one_hot "
        "pad repeat reshape reverse roll scatter_nd searchsorted slice sort split squeeze stack "
        "tensor_scatter_nd_add tensor_scatter_nd_update tile transpose unique unstack where"
    ),
    "control": (
        "cond device executing_eagerly function map_fn name_scope numpy_function print "
        "py_function vectorized_map while_loop"
    ),
    "core": (
        "Variable cast constant convert_to_tensor eye fill identity is_tensor "
        "linspace newaxis ones ones_like range rank shape size stop_gradient zeros zeros_like"
    ),
    "dtypes": (
        "DType as_dtype bool complex128 complex64 double float16 float32 float64 half int16 "
        "int32 int64 int8 string uint16 uint32 uint64 uint8"
    ),
    "linalg": "einsum matmul norm tensordot",
    "math": (
        "abs acos acosh add add_n argmax argmin asin asinh atan atan2 atanh clip_by_norm "
        "clip_by_value cos cosh cumsum divide equal exp floor greater greater_equal less "
        "less_equal logical_and logical_not logical_or maximum minimum multiply negative "
        "not_equal pow reduce_all reduce_any reduce_logsumexp reduce_max reduce_mean reduce_min "
        "reduce_prod reduce_sum round saturate_cast scalar_mul sigmoid sign sin sinh sqrt "
        "square subtract tan tanh truediv"
    ),
}
MODULES = (
    *("config", "data", "dtypes", "image", "io", "linalg", "math", "nn", "random", "strings"),
)
OTHERS = {  # name -> module
    "Tensor": "fastcnn.core.tensor",
    "TensorSpec": "fastcnn.data.elements",
    "keras": "fastcnn",
}

if TYPE_CHECKING:
    import fastcnn
    from fastcnn.core.tensor import Tensor as Tensor
    from fastcnn.data.elements import TensorSpec as TensorSpec
    from fastcnn.tf import (
        config as config,
        data as data,
        dtypes as dtypes,
        image as image,
        io as io,
        linalg as linalg,
        math as math,
        nn as nn,
        random as random,
        strings as strings,
    )
    from fastcnn.tf.arranging import (
        argsort as argsort,
        boolean_mask as boolean_mask,
        broadcast_to as broadcast_to,
        concat as concat,
        expand_dims as expand_dims,
        gather as gather,
        gather_nd as gather_nd,
        meshgrid as meshgrid,
        one_hot as one_hot,
        pad as pad,
        repeat as repeat,
        reshape as reshape,
        reverse as reverse,
        roll as roll,
        scatter_nd as scatter_nd,
        searchsorted as searchsorted,
        slice as slice,
        sort as sort,
        split as split,
        squeeze as squeeze,
        stack as stack,
        tensor_scatter_nd_add as tensor_scatter_nd_add,
        tensor_scatter_nd_update as tensor_scatter_nd_update,
        tile as tile,
        transpose as transpose,
        unique as unique,
        unstack as unstack,
        where as where,
    )
    from fastcnn.tf.control import (
        cond as cond,
        device as device,
        executing_eagerly as executing_eagerly,
        function as function,
        map_fn as map_fn,
        name_scope as name_scope,
        numpy_function as numpy_function,
        print as print,
        py_function as py_function,
        vectorized_map as vectorized_map,
        while_loop as while_loop,
    )
    from fastcnn.tf.core import (
        Variable as Variable,
        cast as cast,
        constant as constant,
        convert_to_tensor as convert_to_tensor,
        eye as eye,
        fill as fill,
        identity as identity,
        is_tensor as is_tensor,
        linspace as linspace,
        newaxis as newaxis,
        ones as ones,
        ones_like as ones_like,
        range as range,
        rank as rank,
        shape as shape,
        size as size,
        stop_gradient as stop_gradient,
        zeros as zeros,
        zeros_like as zeros_like,
    )
    from fastcnn.tf.dtypes import (
        DType as DType,
        as_dtype as as_dtype,
        bool as bool,
        complex64 as complex64,
        complex128 as complex128,
        double as double,
        float16 as float16,
        float32 as float32,
        float64 as float64,
        half as half,
        int8 as int8,
        int16 as int16,
        int32 as int32,
        int64 as int64,
        string as string,
        uint8 as uint8,
        uint16 as uint16,
        uint32 as uint32,
        uint64 as uint64,
    )
    from fastcnn.tf.linalg import (
        einsum as einsum,
        matmul as matmul,
        norm as norm,
        tensordot as tensordot,
    )
    from fastcnn.tf.math import (
        abs as abs,
        acos as acos,
        acosh as acosh,
        add as add,
        add_n as add_n,
        argmax as argmax,
        argmin as argmin,
        asin as asin,
        asinh as asinh,
        atan as atan,
        atan2 as atan2,
        atanh as atanh,
        clip_by_norm as clip_by_norm,
        clip_by_value as clip_by_value,
        cos as cos,
        cosh as cosh,
        cumsum as cumsum,
        divide as divide,
        equal as equal,
        exp as exp,
        floor as floor,
        greater as greater,
        greater_equal as greater_equal,
        less as less,
        less_equal as less_equal,
        logical_and as logical_and,
        logical_not as logical_not,
        logical_or as logical_or,
        maximum as maximum,
        minimum as minimum,
        multiply as multiply,
        negative as negative,
        not_equal as not_equal,
        pow as pow,
        reduce_all as reduce_all,
        reduce_any as reduce_any,
        reduce_logsumexp as reduce_logsumexp,
        reduce_max as reduce_max,
        reduce_mean as reduce_mean,
        reduce_min as reduce_min,
        reduce_prod as reduce_prod,
        reduce_sum as reduce_sum,
        round as round,
        saturate_cast as saturate_cast,
        scalar_mul as scalar_mul,
        sigmoid as sigmoid,
        sign as sign,
        sin as sin,
        sinh as sinh,
        sqrt as sqrt,
        square as square,
        subtract as subtract,
        tan as tan,
        tanh as tanh,
        truediv as truediv,
    )

    keras = fastcnn

test = SimpleNamespace(
    is_gpu_available=lambda *args, **kwargs: False,
    is_built_with_cuda=lambda: False,
    gpu_device_name=lambda: "",
)

__all__ = [
    *sorted(name for names in NAMES.values() for name in names.split()),
    *MODULES,
    *OTHERS,
    "test",
]

if not TYPE_CHECKING:  # to a type checker only the names above exist
    _parts = {module: tuple(names.split()) for module, names in NAMES.items()}
    _attached, __dir__ = attach(__name__, {**dict.fromkeys((*MODULES, *OTHERS), ()), **_parts})

    # `from fastcnn.tf.keras.layers import Dense` imports fastcnn.layers, not a copy
    Aliases({f"{__name__}.keras": "fastcnn"}).install()

    def __getattr__(name):
        if name in OTHERS:
            module = import_module(OTHERS[name])
            return module if name == "keras" else getattr(module, name)
        return _attached(name)
