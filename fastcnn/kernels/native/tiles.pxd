# The C side for Cython: the structs of csrc/kernels.h, the tiles of csrc/tile_list.h, threads.h.

cdef extern from "csrc/losses.h":
    const char *const *fastcnn_loss_names
    int LOSS_binary_logits, LOSS_hinge, LOSS_kl_divergence, LOSS_squared_hinge

    ctypedef struct LossElements "struct loss":
        int function
        const float *t
        const float *p
        float *values
        float *slopes
        float *probabilities
        Py_ssize_t n
        float factor, keep, offset
        float parameters[4]

cdef extern from "csrc/weights.h":
    const char *const *fastcnn_rule_names
    int RULE_average, RULE_decay, RULE_factored, RULE_scale

    ctypedef struct UpdateRule "struct update":
        int rule
        float *w
        float *a
        float *b
        float *c
        const float *g
        Py_ssize_t n
        float hyper[6]

cdef extern from "csrc/kernels.h":
    ctypedef struct Product "struct product":
        const float *x
        const float *w
        const float *b
        const float *residual
        float *y
        const Py_ssize_t *x_segments
        const Py_ssize_t *w_segments
        Py_ssize_t segments, steps
        Py_ssize_t x_pixel, x_step, w_step, y_pixel
        Py_ssize_t pixels, channels
        int accumulate, relu
        float relu_max

    ctypedef struct Planes "struct planes":
        Py_ssize_t count, x, w, y

    ctypedef struct ProductMaxPool "struct product_max_pool":
        Product sum
        Py_ssize_t x_row
        unsigned char *argmax

    ctypedef struct WinogradRun "struct winograd":
        const float *x
        float *y
        const float *residual
        unsigned char *argmax
        Py_ssize_t height, width, pixel, row, column
        float *planes
        Py_ssize_t plane, tiles, channels
        const float *b
        int relu, pool
        float relu_max

    ctypedef struct SparseSum "struct sparse_sum":
        const float *values
        const float *data
        const int *offsets
        const int *starts
        const int *counts
        const int *y_offsets
        float *y
        Py_ssize_t lists, rows, columns, channels, data_row, data_column, y_row, y_column

    ctypedef struct NarrowSum "struct narrow_sum":
        const float *x
        const float *dy
        const unsigned char *argmax
        float *dw
        float *db
        const Py_ssize_t *taps
        Py_ssize_t tap_count, channels, oc
        Py_ssize_t windows_h, windows_w, x_row, x_column
        int quad

    ctypedef struct NarrowData "struct narrow_data":
        const float *dy
        const float *positions
        const float *quads
        float *sums
        Py_ssize_t channels, elements

    ctypedef struct Pool "struct pool":
        const float *x
        float *y
        float *dx
        unsigned char *argmax8
        int *argmax32
        const Py_ssize_t *columns
        Py_ssize_t first_row, rows
        Py_ssize_t window_columns, stride, left
        Py_ssize_t columns_out, channels, row_size, pixel
        int relu, overlap

    ctypedef struct MaxPoolGradient "struct max_pool_gradient":
        const float *dy
        const unsigned char *argmax8
        const int *argmax32
        float *dx
        const Py_ssize_t *windows
        Py_ssize_t rows, columns, channels, stride, left
        Py_ssize_t first_position, row_step, row_size
        int accumulate

    ctypedef struct BatchNormRows "struct batch_norm":
        const float *x
        const float *dy
        const float *y
        const float *beta
        const float *residual
        float *dresidual
        const float *mean
        const float *scale
        const float *offset
        const float *slope
        float *out
        Py_ssize_t rows, channels, sum_distance
        int relu
        float relu_max

    ctypedef struct LayerNormRows "struct layer_norm":
        const float *x
        const float *dy
        const float *gamma
        const float *beta
        float *mean
        float *inverse
        float *out
        float *dgamma
        float *dbeta
        Py_ssize_t rows, channels
        float epsilon
        int uncentered

    ctypedef struct PReLURows "struct prelu":
        const float *x
        const float *dy
        const float *alpha
        float *out
        float *dalpha
        Py_ssize_t rows, channels

    ctypedef struct DepthwiseTaps "struct depthwise":
        const float *x
        const float *w
        const float *b
        float *y
        const Py_ssize_t *x_taps
        const Py_ssize_t *w_taps
        Py_ssize_t taps, pixels, channels, x_pixel, y_pixel
        int relu
        float relu_max

    ctypedef struct DepthwiseWeights "struct depthwise_weights":
        const float *x
        const float *dy
        float *dw
        float *db
        const Py_ssize_t *x_taps
        Py_ssize_t taps, width, rows, pixels, channels, x_row, x_pixel

    ctypedef struct DepthwiseRow "struct depthwise_row":
        const float *x
        const float *w
        const float *b
        float *y
        Py_ssize_t rows, columns, w_row, w_column, x_row, stride, left, width, pixels, channels
        int spread, relu
        float relu_max

    ctypedef struct DepthwiseRowWeights "struct depthwise_row_weights":
        const float *x
        const float *dy
        float *sums
        Py_ssize_t first_row, rows_inside, filter_rows, columns, x_row, x_step
        Py_ssize_t stride, left, width, rows, pixels, channels

    ctypedef struct DropoutKey "struct dropout":
        unsigned int key[2]
        unsigned int first
        float rate, scale

    ctypedef struct Gaussian "struct gaussian":
        unsigned int key[2]
        unsigned int first
        float stddev
        int multiplies

    ctypedef struct ResampledPixels "struct resample":
        const float *x
        const float *weights
        float *y
        const int *sources
        Py_ssize_t pixels, taps, channels, x_pixel

    ctypedef struct AffineRows "struct affine_rows":
        const float *x
        const float *dy
        float *out
        const float *center
        const float *scale
        const float *offset
        Py_ssize_t rows, columns
        float low, high

    ctypedef struct Columns "struct columns":
        const float *x
        const float *dy
        const float *most
        float *out
        Py_ssize_t rows, columns, distance
        int log

    ctypedef struct CurveFunction "struct curve":
        int function
        float parameters[3]

    const char *const *fastcnn_curve_names

    ctypedef struct Table "struct kernels":
        const char *name
        int lanes
        Py_ssize_t (*product_block)(Py_ssize_t) noexcept nogil
        void (*product)(const Product *) noexcept nogil
        void (*product_planes)(const Product *, const Planes *) noexcept nogil
        Py_ssize_t (*product_max_pool_block)(Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*product_max_pool)(const ProductMaxPool *) noexcept nogil
        void (*winograd_filter)(
            const float *const *, float *, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*winograd_input)(const WinogradRun *) noexcept nogil
        void (*winograd_output)(const WinogradRun *) noexcept nogil
        void (*winograd_gradient)(const WinogradRun *) noexcept nogil
        void (*winograd_filter_gradient)(
            const float *, Py_ssize_t, float *const *, Py_ssize_t
        ) noexcept nogil
        Py_ssize_t (*sparse_sum_block)(Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*sparse_sum)(const SparseSum *) noexcept nogil
        void (*quads)(const float *, const Py_ssize_t *, Py_ssize_t, float *) noexcept nogil
        Py_ssize_t (*narrow_block)(Py_ssize_t) noexcept nogil
        void (*narrow_sum)(const NarrowSum *) noexcept nogil
        void (*narrow_data)(const NarrowData *) noexcept nogil
        void (*narrow_windows)(
            const float *, const unsigned char *, Py_ssize_t, Py_ssize_t, float *, float *
        ) noexcept nogil
        void (*lists_by_position)(
            const float *, const unsigned char *, Py_ssize_t, Py_ssize_t, int, int, float *, int *,
            int *, int *
        ) noexcept nogil
        void (*lists_by_channel)(
            const float *, const unsigned char *, Py_ssize_t, Py_ssize_t, const int *, const int *,
            int, int, Py_ssize_t, float *, int *, int *, float *
        ) noexcept nogil
        void (*copy_rows)(
            const float *, Py_ssize_t, float *, Py_ssize_t, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*open_rows)(
            const float *, Py_ssize_t, const float *, float *, Py_ssize_t, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*add_rows)(
            const float *, float *, Py_ssize_t, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*add_patches)(
            const float *, Py_ssize_t, Py_ssize_t, Py_ssize_t, float *, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*transpose)(
            const float *, Py_ssize_t, float *, Py_ssize_t, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*max_pool2d_forward)(const Pool *) noexcept nogil
        void (*max_pool2d_backward)(const MaxPoolGradient *) noexcept nogil
        void (*average_pool2d_forward)(const Pool *) noexcept nogil
        void (*average_pool2d_backward)(const Pool *) noexcept nogil
        void (*relu_forward)(const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*relu_backward)(
            const float *, const float *, float *, Py_ssize_t, float
        ) noexcept nogil
        void (*exp_shifted)(const float *, float, float *, Py_ssize_t) noexcept nogil
        float (*row_maximum)(const float *, Py_ssize_t) noexcept nogil
        float (*row_sum)(const float *, Py_ssize_t) noexcept nogil
        float (*row_product)(const float *, const float *, Py_ssize_t) noexcept nogil
        void (*tanh_forward)(const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*tanh_backward)(
            const float *, const float *, float *, Py_ssize_t, float
        ) noexcept nogil
        void (*sigmoid_forward)(const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*sigmoid_backward)(
            const float *, const float *, float *, Py_ssize_t, float
        ) noexcept nogil
        void (*elu_forward)(const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*elu_backward)(
            const float *, const float *, float *, Py_ssize_t, float
        ) noexcept nogil
        void (*curve_forward)(
            const float *, float *, Py_ssize_t, const CurveFunction *
        ) noexcept nogil
        void (*curve_backward)(
            const float *, const float *, float *, Py_ssize_t, const CurveFunction *
        ) noexcept nogil
        void (*dropout)(const float *, float *, Py_ssize_t, const DropoutKey *) noexcept nogil
        void (*add)(const float *, const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*add_relu)(const float *, const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*subtract)(const float *, const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*multiply)(const float *, const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*average)(const float *, const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*divide)(const float *, float *, Py_ssize_t, float) noexcept nogil
        void (*maximum_forward)(
            const float *, const float *, float *, Py_ssize_t, float
        ) noexcept nogil
        void (*minimum_forward)(
            const float *, const float *, float *, Py_ssize_t, float
        ) noexcept nogil
        void (*maximum_backward)(
            const float *, const float *, const float *, float *, float *, Py_ssize_t
        ) noexcept nogil
        void (*minimum_backward)(
            const float *, const float *, const float *, float *, float *, Py_ssize_t
        ) noexcept nogil
        void (*depthwise)(const DepthwiseTaps *) noexcept nogil
        void (*depthwise_weights)(const DepthwiseWeights *) noexcept nogil
        void (*depthwise_row)(const DepthwiseRow *) noexcept nogil
        void (*depthwise_row_weights)(const DepthwiseRowWeights *) noexcept nogil
        void (*batch_norm_moments)(const BatchNormRows *) noexcept nogil
        void (*batch_norm_apply)(const BatchNormRows *) noexcept nogil
        void (*batch_norm_sums)(const BatchNormRows *) noexcept nogil
        void (*batch_norm_gradient)(const BatchNormRows *) noexcept nogil
        void (*layer_norm_forward)(const LayerNormRows *) noexcept nogil
        void (*layer_norm_backward)(const LayerNormRows *) noexcept nogil
        void (*prelu_forward)(const PReLURows *) noexcept nogil
        void (*prelu_backward)(const PReLURows *) noexcept nogil
        void (*gaussian)(const float *, float *, Py_ssize_t, const Gaussian *) noexcept nogil
        void (*resample)(const ResampledPixels *) noexcept nogil
        void (*affine_rows)(const AffineRows *) noexcept nogil
        void (*softmax_columns)(const Columns *) noexcept nogil
        void (*softmax_columns_gradient)(const Columns *) noexcept nogil
        void (*share_columns)(const Columns *) noexcept nogil
        void (*from_uint8)(const unsigned char *, float *, Py_ssize_t) noexcept nogil
        void (*from_float64)(const double *, float *, Py_ssize_t) noexcept nogil
        void (*resize_row)(
            const float *, const long long *, const float *, float *, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*blend_rows)(
            const float *, const float *, float, float *, Py_ssize_t
        ) noexcept nogil
        void (*elementwise_loss)(const LossElements *) noexcept nogil
        void (*update_weights)(const UpdateRule *) noexcept nogil
        void (*add_squares)(
            const float *, Py_ssize_t, float *, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*penalize)(const float *, float *, Py_ssize_t, const float *, float *) noexcept nogil

    const Table *fastcnn_kernels_at(int) noexcept nogil
    int fastcnn_kernels_supported(const Table *) noexcept nogil
    unsigned long long fastcnn_flush_denormals() noexcept nogil
    void fastcnn_restore_denormals(unsigned long long) noexcept nogil

cdef extern from "csrc/threads.h":
    int fastcnn_has_openmp
    int fastcnn_max_threads() noexcept nogil
    int fastcnn_can_start(int threads) noexcept nogil
    int fastcnn_thread() noexcept nogil
    int fastcnn_team_size() noexcept nogil
    void fastcnn_barrier() noexcept nogil
    double fastcnn_now() noexcept nogil
    double fastcnn_load(const double *from_) noexcept nogil
    void fastcnn_store(double *to, double value) noexcept nogil
