"""Reference kernel of resizing: weighted sums of rows, then of columns."""


def resample(x, rows, row_weights, columns, column_weights, y):
    """y[n,p,q] = sum over k, l of row_weights[p,k] column_weights[q,l] x[n,rows[p,k],columns[q,l]]

    x (n, h, w, c), uint8, float32 or float64; rows and columns int32. Without pixels in x, y = 0.
    """
    if not x.size:
        y[...] = 0
        return
    x = x.astype(y.dtype)
    sums = [row_weights[:, k, None, None] * x[:, rows[:, k]] for k in range(rows.shape[1])]
    x = sum(sums[1:], start=sums[0])
    sums = [column_weights[:, k, None] * x[:, :, columns[:, k]] for k in range(columns.shape[1])]
    y[...] = sum(sums[1:], start=sums[0])
