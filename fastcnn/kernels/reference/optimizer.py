"""Reference kernel of Adam."""

import numpy as np


def adam_update(w, g, m, v, hyper):
    """m += (g - m) (1 - beta_1); v += (g^2 - v) (1 - beta_2); w -= alpha m / (sqrt(v) + epsilon)

    hyper = [alpha, beta_1, beta_2, epsilon], float64, alpha = rate * sqrt(1 - beta_2^t) /
    (1 - beta_1^t) (Kingma & Ba 2014, epsilon outside the root's correction as in Keras). w, m and
    v are updated in place; all are flat.
    """
    # 1 - beta is taken before it is rounded: float32's 0.999 is off by 1e-5 of 1 - 0.999
    alpha, epsilon = w.dtype.type(hyper[0]), w.dtype.type(hyper[3])
    m += (g - m) * w.dtype.type(1 - hyper[1])
    v += (g * g - v) * w.dtype.type(1 - hyper[2])
    w -= alpha * m / (np.sqrt(v) + epsilon)
