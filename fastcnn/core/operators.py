"""Arithmetic on variables: each operator works on the values and returns a NumPy array."""

import operator


def _operator(function):
    return lambda self, *others: function(self.__array__(), *others)


def _reflected(function):
    return lambda self, other: function(other, self.__array__())


class Arithmetic:
    """Base of what has values by `__array__` and should be usable as they are in expressions.

    `==` compares identities: variables are keys of dictionaries.
    """

    __float__ = _operator(float)
    __int__ = _operator(int)
    __neg__ = _operator(operator.neg)
    __abs__ = _operator(operator.abs)
    __getitem__ = _operator(operator.getitem)
    __lt__ = _operator(operator.lt)
    __le__ = _operator(operator.le)
    __gt__ = _operator(operator.gt)
    __ge__ = _operator(operator.ge)
    __add__, __radd__ = _operator(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _operator(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _operator(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _operator(operator.truediv), _reflected(operator.truediv)
    __pow__, __rpow__ = _operator(operator.pow), _reflected(operator.pow)
    __matmul__, __rmatmul__ = _operator(operator.matmul), _reflected(operator.matmul)
