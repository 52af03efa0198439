"""How to run through two arrays of one shape and any strides, for the kernel `copy`."""


def merged_axes(x, y):
    """[(size, stride of x, stride of y)] of an elementwise loop over both, with few axes.

    Strides are in elements; axes are in the order in which y is stored.
    """
    axes = [
        (size, x_stride // x.itemsize, y_stride // y.itemsize)
        for size, x_stride, y_stride in zip(x.shape, x.strides, y.strides, strict=True)
        if size != 1
    ]
    axes.sort(key=lambda axis: -abs(axis[2]))
    merged = []
    for size, x_stride, y_stride in axes:
        if merged and merged[-1][1:] == (size * x_stride, size * y_stride):
            size *= merged.pop()[0]
        merged.append((size, x_stride, y_stride))
    return merged or [(1, 1, 1)]


def loops(x, y):
    """(outer axes, rows, columns, whether x is transposed), each axis as in `merged_axes`.

    Columns are the axis in which y is contiguous. Rows are that in which x is, if it is another one
    (then two axes are exchanged), otherwise the longer one of the next two.
    """
    axes = merged_axes(x, y)
    column = axes.pop()
    unit = [index for index, axis in enumerate(axes) if axis[1] == 1]
    transposed = column[1] != 1 and column[2] == 1 and bool(unit)
    if not axes:
        return axes, (1, 0, 0), column, False
    near = range(max(len(axes) - 2, 0), len(axes))
    row = unit[0] if transposed else max(near, key=lambda index: axes[index][0])
    return axes, axes.pop(row), column, transposed
