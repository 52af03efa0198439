"""`keras.ops` over NumPy: operations on arrays, forward only.

    >>> import fastcnn as keras
    >>> x = keras.ops.convert_to_tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> keras.ops.mean(x, axis=0)
    Tensor([2., 3.], dtype=float32)
    >>> keras.ops.matmul(x, [[1], [1]]).numpy().tolist()
    [[3.0], [7.0]]

Arguments are anything that NumPy can convert to an array of numbers, results are `Tensor`s.
Signatures, defaults and types of results are Keras's (on TensorFlow): Python floats are float32,
integers int32, and where types meet floats win. Convolutions, pools and activations run on the
package's kernels, everything else in NumPy. Operations have no gradients; layers do. Symbolic
tensors are accepted by `add`, `subtract` and `multiply`.

docs/ops.md lists which operations of Keras there are.
"""

from typing import TYPE_CHECKING

from fastcnn.core.lazy import attach

NAMES = {  # module in this package -> the names of Keras that it defines
    "activation": (
        "celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu "
        "log_sigmoid log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus "
        "softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh_shrink threshold"
    ),
    "control": (
        "associative_scan cast cond convert_to_numpy convert_to_tensor copy dtype fori_loop "
        "is_tensor map ndim scan shape size stop_gradient switch vectorize vectorized_map "
        "while_loop"
    ),
    "creation": (
        "arange array bartlett blackman empty empty_like eye full full_like geomspace hamming "
        "hanning identity kaiser linspace logspace meshgrid ones ones_like tri vander zeros "
        "zeros_like"
    ),
    "ctc": "ctc_decode ctc_loss",
    "elementwise": (
        "abs absolute add allclose angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh "
        "bitwise_and bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift "
        "bitwise_xor cbrt ceil clip conj conjugate cos cosh deg2rad divide divide_no_nan equal "
        "erf erfc erfinv exp exp2 expm1 fabs floor floor_divide fmax fmin fmod gcd greater "
        "greater_equal heaviside hypot i0 imag isclose isfinite isinf isnan isneginf isposinf "
        "isreal lcm ldexp left_shift less less_equal log log10 log1p log2 logaddexp logaddexp2 "
        "logical_and logical_not logical_or logical_xor maximum minimum mod multiply nan_to_num "
        "negative nextafter not_equal power rad2deg real reciprocal right_shift round rsqrt "
        "saturate_cast sign signbit sin sinc sinh sqrt square subtract tan tanh true_divide trunc"
    ),
    "indexing": (
        "argpartition argsort bincount digitize get_item histogram in_top_k isin multi_hot "
        "nonzero one_hot searchsorted select sort take take_along_axis top_k unique unravel_index "
        "where"
    ),
    "joining": (
        "append array_split concatenate dsplit dstack hsplit hstack split stack unstack vsplit "
        "vstack"
    ),
    "linalg": (
        "cholesky cholesky_inverse det eig eigh inv logdet lstsq lu_factor matrix_rank norm pinv "
        "qr slogdet solve solve_triangular svd"
    ),
    "nan_reductions": (
        "nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile "
        "nanprod nanquantile nanstd nansum nanvar"
    ),
    "normalizing": (
        "batch_normalization binary_crossentropy categorical_crossentropy dot_product_attention "
        "layer_normalization normalize polar psnr rms_normalization "
        "sparse_categorical_crossentropy"
    ),
    "products": (
        "corrcoef correlate cross diff dot einsum inner kron matmul outer tensordot trace "
        "trapezoid vdot"
    ),
    "reductions": (
        "all amax amin any argmax argmin average count_nonzero cumprod cumsum logsumexp max mean "
        "median min moments percentile prod ptp quantile std sum var"
    ),
    "scattering": "scatter scatter_update slice slice_update",
    "segments": "cdist segment_max segment_min segment_prod segment_sum",
    "shaping": (
        "broadcast_to diag diagflat diagonal expand_dims flip fliplr flipud moveaxis pad ravel "
        "rearrange repeat reshape roll rot90 squeeze swapaxes tile transpose tril triu view "
        "view_as_complex view_as_real"
    ),
    "signal": "extract_sequences fft fft2 ifft2 irfft istft rfft stft",
    "windows": (
        "adaptive_average_pool adaptive_max_pool average_pool conv conv_transpose depth_to_space "
        "depthwise_conv fold max_pool separable_conv space_to_depth unfold"
    ),
}
NAMESPACES = ("image", "linalg", "nn", "numpy")  # modules of Keras's

if TYPE_CHECKING:
    from fastcnn.ops import image as image, linalg as linalg, nn as nn, numpy as numpy
    from fastcnn.ops.activation import (
        celu as celu,
        elu as elu,
        gelu as gelu,
        glu as glu,
        hard_shrink as hard_shrink,
        hard_sigmoid as hard_sigmoid,
        hard_silu as hard_silu,
        hard_swish as hard_swish,
        hard_tanh as hard_tanh,
        leaky_relu as leaky_relu,
        log_sigmoid as log_sigmoid,
        log_softmax as log_softmax,
        relu as relu,
        relu6 as relu6,
        selu as selu,
        sigmoid as sigmoid,
        silu as silu,
        soft_shrink as soft_shrink,
        softmax as softmax,
        softplus as softplus,
        softsign as softsign,
        sparse_plus as sparse_plus,
        sparse_sigmoid as sparse_sigmoid,
        sparsemax as sparsemax,
        squareplus as squareplus,
        swish as swish,
        tanh_shrink as tanh_shrink,
        threshold as threshold,
    )
    from fastcnn.ops.control import (
        associative_scan as associative_scan,
        cast as cast,
        cond as cond,
        convert_to_numpy as convert_to_numpy,
        convert_to_tensor as convert_to_tensor,
        copy as copy,
        dtype as dtype,
        fori_loop as fori_loop,
        is_tensor as is_tensor,
        map as map,
        ndim as ndim,
        scan as scan,
        shape as shape,
        size as size,
        stop_gradient as stop_gradient,
        switch as switch,
        vectorize as vectorize,
        vectorized_map as vectorized_map,
        while_loop as while_loop,
    )
    from fastcnn.ops.creation import (
        arange as arange,
        array as array,
        bartlett as bartlett,
        blackman as blackman,
        empty as empty,
        empty_like as empty_like,
        eye as eye,
        full as full,
        full_like as full_like,
        geomspace as geomspace,
        hamming as hamming,
        hanning as hanning,
        identity as identity,
        kaiser as kaiser,
        linspace as linspace,
        logspace as logspace,
        meshgrid as meshgrid,
        ones as ones,
        ones_like as ones_like,
        tri as tri,
        vander as vander,
        zeros as zeros,
        zeros_like as zeros_like,
    )
    from fastcnn.ops.ctc import (
        ctc_decode as ctc_decode,
        ctc_loss as ctc_loss,
    )
    from fastcnn.ops.elementwise import (
        abs as abs,
        absolute as absolute,
        add as add,
        allclose as allclose,
        angle as angle,
        arccos as arccos,
        arccosh as arccosh,
        arcsin as arcsin,
        arcsinh as arcsinh,
        arctan as arctan,
        arctan2 as arctan2,
        arctanh as arctanh,
        bitwise_and as bitwise_and,
        bitwise_invert as bitwise_invert,
        bitwise_left_shift as bitwise_left_shift,
        bitwise_not as bitwise_not,
        bitwise_or as bitwise_or,
        bitwise_right_shift as bitwise_right_shift,
        bitwise_xor as bitwise_xor,
        cbrt as cbrt,
        ceil as ceil,
        clip as clip,
        conj as conj,
        conjugate as conjugate,
        cos as cos,
        cosh as cosh,
        deg2rad as deg2rad,
        divide as divide,
        divide_no_nan as divide_no_nan,
        equal as equal,
        erf as erf,
        erfc as erfc,
        erfinv as erfinv,
        exp as exp,
        exp2 as exp2,
        expm1 as expm1,
        fabs as fabs,
        floor as floor,
        floor_divide as floor_divide,
        fmax as fmax,
        fmin as fmin,
        fmod as fmod,
        gcd as gcd,
        greater as greater,
        greater_equal as greater_equal,
        heaviside as heaviside,
        hypot as hypot,
        i0 as i0,
        imag as imag,
        isclose as isclose,
        isfinite as isfinite,
        isinf as isinf,
        isnan as isnan,
        isneginf as isneginf,
        isposinf as isposinf,
        isreal as isreal,
        lcm as lcm,
        ldexp as ldexp,
        left_shift as left_shift,
        less as less,
        less_equal as less_equal,
        log as log,
        log1p as log1p,
        log2 as log2,
        log10 as log10,
        logaddexp as logaddexp,
        logaddexp2 as logaddexp2,
        logical_and as logical_and,
        logical_not as logical_not,
        logical_or as logical_or,
        logical_xor as logical_xor,
        maximum as maximum,
        minimum as minimum,
        mod as mod,
        multiply as multiply,
        nan_to_num as nan_to_num,
        negative as negative,
        nextafter as nextafter,
        not_equal as not_equal,
        power as power,
        rad2deg as rad2deg,
        real as real,
        reciprocal as reciprocal,
        right_shift as right_shift,
        round as round,
        rsqrt as rsqrt,
        saturate_cast as saturate_cast,
        sign as sign,
        signbit as signbit,
        sin as sin,
        sinc as sinc,
        sinh as sinh,
        sqrt as sqrt,
        square as square,
        subtract as subtract,
        tan as tan,
        tanh as tanh,
        true_divide as true_divide,
        trunc as trunc,
    )
    from fastcnn.ops.indexing import (
        argpartition as argpartition,
        argsort as argsort,
        bincount as bincount,
        digitize as digitize,
        get_item as get_item,
        histogram as histogram,
        in_top_k as in_top_k,
        isin as isin,
        multi_hot as multi_hot,
        nonzero as nonzero,
        one_hot as one_hot,
        searchsorted as searchsorted,
        select as select,
        sort as sort,
        take as take,
        take_along_axis as take_along_axis,
        top_k as top_k,
        unique as unique,
        unravel_index as unravel_index,
        where as where,
    )
    from fastcnn.ops.joining import (
        append as append,
        array_split as array_split,
        concatenate as concatenate,
        dsplit as dsplit,
        dstack as dstack,
        hsplit as hsplit,
        hstack as hstack,
        split as split,
        stack as stack,
        unstack as unstack,
        vsplit as vsplit,
        vstack as vstack,
    )
    from fastcnn.ops.linalg import (
        cholesky as cholesky,
        cholesky_inverse as cholesky_inverse,
        det as det,
        eig as eig,
        eigh as eigh,
        inv as inv,
        logdet as logdet,
        lstsq as lstsq,
        lu_factor as lu_factor,
        matrix_rank as matrix_rank,
        norm as norm,
        pinv as pinv,
        qr as qr,
        slogdet as slogdet,
        solve as solve,
        solve_triangular as solve_triangular,
        svd as svd,
    )
    from fastcnn.ops.nan_reductions import (
        nanargmax as nanargmax,
        nanargmin as nanargmin,
        nancumprod as nancumprod,
        nancumsum as nancumsum,
        nanmax as nanmax,
        nanmean as nanmean,
        nanmedian as nanmedian,
        nanmin as nanmin,
        nanpercentile as nanpercentile,
        nanprod as nanprod,
        nanquantile as nanquantile,
        nanstd as nanstd,
        nansum as nansum,
        nanvar as nanvar,
    )
    from fastcnn.ops.normalizing import (
        batch_normalization as batch_normalization,
        binary_crossentropy as binary_crossentropy,
        categorical_crossentropy as categorical_crossentropy,
        dot_product_attention as dot_product_attention,
        layer_normalization as layer_normalization,
        normalize as normalize,
        polar as polar,
        psnr as psnr,
        rms_normalization as rms_normalization,
        sparse_categorical_crossentropy as sparse_categorical_crossentropy,
    )
    from fastcnn.ops.products import (
        corrcoef as corrcoef,
        correlate as correlate,
        cross as cross,
        diff as diff,
        dot as dot,
        einsum as einsum,
        inner as inner,
        kron as kron,
        matmul as matmul,
        outer as outer,
        tensordot as tensordot,
        trace as trace,
        trapezoid as trapezoid,
        vdot as vdot,
    )
    from fastcnn.ops.reductions import (
        all as all,
        amax as amax,
        amin as amin,
        any as any,
        argmax as argmax,
        argmin as argmin,
        average as average,
        count_nonzero as count_nonzero,
        cumprod as cumprod,
        cumsum as cumsum,
        logsumexp as logsumexp,
        max as max,
        mean as mean,
        median as median,
        min as min,
        moments as moments,
        percentile as percentile,
        prod as prod,
        ptp as ptp,
        quantile as quantile,
        std as std,
        sum as sum,
        var as var,
    )
    from fastcnn.ops.scattering import (
        scatter as scatter,
        scatter_update as scatter_update,
        slice as slice,
        slice_update as slice_update,
    )
    from fastcnn.ops.segments import (
        cdist as cdist,
        segment_max as segment_max,
        segment_min as segment_min,
        segment_prod as segment_prod,
        segment_sum as segment_sum,
    )
    from fastcnn.ops.shaping import (
        broadcast_to as broadcast_to,
        diag as diag,
        diagflat as diagflat,
        diagonal as diagonal,
        expand_dims as expand_dims,
        flip as flip,
        fliplr as fliplr,
        flipud as flipud,
        moveaxis as moveaxis,
        pad as pad,
        ravel as ravel,
        rearrange as rearrange,
        repeat as repeat,
        reshape as reshape,
        roll as roll,
        rot90 as rot90,
        squeeze as squeeze,
        swapaxes as swapaxes,
        tile as tile,
        transpose as transpose,
        tril as tril,
        triu as triu,
        view as view,
        view_as_complex as view_as_complex,
        view_as_real as view_as_real,
    )
    from fastcnn.ops.signal import (
        extract_sequences as extract_sequences,
        fft as fft,
        fft2 as fft2,
        ifft2 as ifft2,
        irfft as irfft,
        istft as istft,
        rfft as rfft,
        stft as stft,
    )
    from fastcnn.ops.windows import (
        adaptive_average_pool as adaptive_average_pool,
        adaptive_max_pool as adaptive_max_pool,
        average_pool as average_pool,
        conv as conv,
        conv_transpose as conv_transpose,
        depth_to_space as depth_to_space,
        depthwise_conv as depthwise_conv,
        fold as fold,
        max_pool as max_pool,
        separable_conv as separable_conv,
        space_to_depth as space_to_depth,
        unfold as unfold,
    )

__all__ = [*NAMESPACES, *sorted(name for names in NAMES.values() for name in names.split())]

if not TYPE_CHECKING:  # to a type checker only the names above exist
    _parts = {module: tuple(names.split()) for module, names in NAMES.items()}
    __getattr__, __dir__ = attach(__name__, {**dict.fromkeys(NAMESPACES, ()), **_parts})
