# Sums of products (struct product in csrc/kernels.h) for any number of channels.
# uses: team (ceil_div)

cdef inline void product_blocks(
    const Table *table, Product *p, Py_ssize_t channels
) noexcept nogil:
    # The product for any number of channels, one block of them after the other.
    cdef Product block = p[0]
    cdef Py_ssize_t done = 0
    while done < channels:
        block.channels = min(table.product_block(channels - done), channels - done)
        block.w = p.w + done
        block.b = p.b + done if p.b != NULL else NULL
        block.residual = p.residual + done if p.residual != NULL else NULL
        block.y = p.y + done
        table.product(&block)
        done += block.channels


cdef void sum_rows(
    const Table *table, const float *x, Py_ssize_t rows, Py_ssize_t columns, float *y,
    bint accumulate,
) noexcept nogil:
    # y = the sum of the rows of x, or y += it: the product of ones and x.
    cdef float one = 1
    cdef Py_ssize_t zero = 0
    cdef Product p
    p.x, p.w, p.b, p.residual, p.y = &one, x, NULL, NULL, y
    p.x_segments = p.w_segments = &zero
    p.segments, p.steps, p.accumulate, p.relu = 1, rows, accumulate, 0
    p.x_pixel, p.x_step, p.y_pixel, p.w_step, p.pixels = 0, 0, 0, columns, 1
    product_blocks(table, &p, columns)


cdef double vector_efficiency(const Table *table, Py_ssize_t channels):
    # The fraction of a product's peak throughput that is reached with this many channels in
    # vectors. A single vector is slower, as it needs a load for each multiply-add.
    cdef Py_ssize_t vectors = ceil_div(channels, table.lanes)
    return channels / <double>(vectors * table.lanes) * (0.75 if vectors == 1 else 1.)
