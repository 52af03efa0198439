"""`Dataset`: pipelines of elements, with the interface of TensorFlow's `tf.data.Dataset`.

    data = Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(32)
    model.fit(data.map(lambda x, y: (x / 255, y), num_parallel_calls=AUTOTUNE))

Differences from TensorFlow:

- Functions are called with arrays (`Tensor`s), once for each element, and not traced: any Python
  code works. With `num_parallel_calls` threads call them. Results are always in order, so
  `deterministic=False` changes nothing.
- Random numbers depend on the seed alone, with any number of threads: `utils.set_random_seed`, or
  the `seed` of `shuffle`. What a function draws from this package belongs to its element.
- Orders differ from TensorFlow's. Over arrays, and before anything else but `repeat`, `take`,
  `skip`, `shard`, `cache`, `prefetch` and `batch`, `shuffle` permutes all elements (of each
  repetition), whatever the size of its buffer: this costs nothing for single elements.
"""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

import numpy as np

from fastcnn.core.arguments import check_count, refuse
from fastcnn.core.tensor import tensor
from fastcnn.data import function_nodes, group_nodes, nodes, selections
from fastcnn.data.ahead import AUTOTUNE, thread_count
from fastcnn.data.elements import (
    TensorSpec,
    as_dtype,
    as_numpy,
    as_tensors,
    convert,
    replace,
)
from fastcnn.data.nodes import INFINITE, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

INFINITE_CARDINALITY, UNKNOWN_CARDINALITY = INFINITE, UNKNOWN
CYCLE = 4  # data sets that `interleave` reads at a time, by default


class DatasetType(type):
    """The type of `Dataset`, which says so if a static method of TensorFlow's is missing."""

    def __getattr__(cls, name: str) -> Any:
        raise _missing(cls.__name__, name)


class Dataset(metaclass=DatasetType):
    """A pipeline of elements; create one by `from_tensor_slices` and the other static methods.

    An element is an array, or a nested tuple or dictionary of arrays. Iterating yields `Tensor`s.
    All methods that return a `Dataset` leave this one as it is. The argument `name` of TensorFlow
    is accepted everywhere, and has no effect.
    """

    def __init__(self, node: nodes.Node) -> None:
        if not isinstance(node, nodes.Node):
            raise TypeError(
                "Create a Dataset by `Dataset.from_tensor_slices`, `from_generator`, `range`, ... "
                f"Received {node!r}."
            )
        self._node = node
        self._passes = 0

    # ------------------------------------------------------------------------------------- sources

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of arrays: an element for each index of their first axis."""
        return Dataset(nodes.Slices(replace(np.asarray, convert(tensors, "`tensors`"))))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element: the arrays themselves."""
        return Dataset(nodes.Listed([convert(tensors, "`tensors`")]))

    @staticmethod
    def from_generator(
        generator: Callable,
        output_types: Any = None,
        output_shapes: Any = None,
        args: Any = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What the iterators that `generator(*args)` returns yield; it is called in each pass.

        Args:
            output_signature: a `TensorSpec`, nested like the elements.
            output_types, output_shapes: the same as dtypes and shapes, the older form.
        """
        if not callable(generator):
            raise TypeError(f"The argument `generator` must be a function. Received {generator!r}.")
        if output_signature is None and output_types is None:
            raise TypeError("`from_generator` needs `output_signature` or `output_types`.")
        if output_signature is not None and (output_types, output_shapes) != (None, None):
            raise TypeError("Pass either `output_signature`, or `output_types` and shapes.")
        if output_signature is None:
            output_signature = _signature(output_types, output_shapes)
        else:
            output_signature = replace(
                lambda spec: TensorSpec(_shape(spec.shape), spec.dtype),
                _as_tuples(output_signature),
            )
        args = tuple(as_tensors(convert(arg, "`args`")) for arg in args or ())
        return Dataset(nodes.Generated(generator, args, output_signature))

    @staticmethod
    def range(*args: Any, output_type: Any = np.int64, name: str | None = None) -> Dataset:
        """The integers of Python's `range(*args)`."""
        return Dataset(nodes.Counted(range(*map(int, args)), as_dtype(output_type)))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements that contain one of each data set: several, or a nested tuple or dictionary."""
        if datasets is None:
            datasets = args[0] if len(args) == 1 else args
        inputs: list[nodes.Node] = []

        def position(data):
            inputs.append(_node_of(data, "zip"))
            return len(inputs) - 1

        nesting = replace(position, _as_tuples(datasets))
        return Dataset(nodes.Zip(inputs, nesting))

    @staticmethod
    def list_files(
        file_pattern: Any,
        shuffle: bool | None = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The paths that match a pattern such as "flowers/*/*.jpg", or several patterns.

        Args:
            shuffle: whether each pass has a new order, as by default.
            seed: see `shuffle`.

        Raises:
            FileNotFoundError: no path matches.
        """
        patterns = file_pattern
        if isinstance(patterns, (str, os.PathLike)) or not np.ndim(patterns):
            patterns = [patterns]
        texts = [os.fspath(getattr(p, "item", lambda p=p: p)()) for p in patterns]
        paths = sorted({path for text in texts for path in glob.glob(text)})
        if not paths:
            raise FileNotFoundError(f"No files match {' or '.join(map(repr, texts))}.")
        data = Dataset.from_tensor_slices(np.array(paths))
        return data if shuffle is False else data.shuffle(len(paths), seed)

    # ------------------------------------------------------------------------------------ iterating

    @property
    def element_spec(self) -> Any:
        """`TensorSpec`s, nested like the elements. Mapped functions are called once for it."""
        return self._node.spec()

    def cardinality(self) -> Any:
        """The number of elements as a `Tensor`: -1 if it is infinite, -2 if it is unknown."""
        return tensor(np.int64(self._node.count()))

    def __len__(self) -> int:
        count = self._node.count()
        if count < 0:
            raise TypeError(
                "The data set is infinite." if count == INFINITE else "The length is unknown."
            )
        return count

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> DatasetIterator:
        return DatasetIterator(self, as_tensors)

    def as_numpy_iterator(self) -> DatasetIterator:
        """An iterator of the elements as NumPy's arrays and scalars; strings are bytes."""
        return DatasetIterator(self, as_numpy)

    def __repr__(self) -> str:
        names = [type(node).__name__.lower() for node in self._node.nodes()]
        return f"<Dataset {' of '.join(names)}>"

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """`state = reduce_func(state, element)` for all elements, from `initial_state`."""
        state = convert(initial_state, "`initial_state`")
        for element in self:
            state = convert(reduce_func(as_tensors(state), element), "What `reduce_func` returns")
        return as_tensors(state)

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element.

        Raises:
            ValueError: there are none, or several.
        """
        items = list(self.take(2))
        if len(items) != 1:
            raise ValueError(
                f"The data set must have one element. It has {'several' if items else 'none'}."
            )
        return items[0]

    def new_pass(self, evaluates: bool = False) -> nodes.Pass:
        """The state of the next pass. In evaluations, seeded orders are those of the first pass."""
        number = 0 if evaluates else self._passes
        self._passes += not evaluates
        if any(node.draws for node in self._node.nodes()):
            return nodes.Pass(tuple(nodes.new_entropy()), number)
        return nodes.Pass(number=number)

    # ------------------------------------------------------------------------- choosing and order

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
        name: str | None = None,
    ) -> Dataset:
        """The elements in random order.

        Args:
            buffer_size: from how many elements each one is chosen. Over arrays all elements are
                permuted, see the top of this module.
            seed: an integer that determines all orders.
            reshuffle_each_iteration: whether each pass has another order.
        """
        size = check_count(buffer_size, "buffer_size") if buffer_size != UNKNOWN else 2**62
        again = reshuffle_each_iteration is None or bool(reshuffle_each_iteration)
        seed = None if seed is None else check_count(seed, "seed", minimum=0)
        return Dataset(selections.Shuffle(self._node, size, seed, again))

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """All elements `count` times; None and -1 are endless."""
        times = None if count is None or count == -1 else check_count(count, "count", minimum=0)
        return Dataset(selections.Repeat(self._node, times))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first `count` elements; -1 is all."""
        count = check_count(count, "count", minimum=-1)
        return Dataset(selections.Part(self._node, 0, None if count == -1 else count))

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """The elements after the first `count`; -1 leaves none."""
        count = check_count(count, "count", minimum=-1)
        return Dataset(
            selections.Part(self._node, 0, 0)
            if count == -1
            else selections.Part(self._node, count, None)
        )

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Every `num_shards`-th element, from `index` on."""
        num_shards = check_count(num_shards, "num_shards")
        index = check_count(index, "index", minimum=0)
        if index >= num_shards:
            raise ValueError(
                f"The argument `index` must be less than num_shards={num_shards}. "
                f"Received index={index}."
            )
        return Dataset(selections.Part(self._node, index, None, num_shards))

    def concatenate(self, dataset: Dataset, name: str | None = None) -> Dataset:
        """The elements of this data set, then those of the other."""
        return Dataset(nodes.Concatenate(self._node, _node_of(dataset, "concatenate")))

    def filter(self, predicate: Callable, name: str | None = None) -> Dataset:
        """The elements for which `predicate(element)` is true."""
        return Dataset(function_nodes.Filter(self._node, _function(predicate, "predicate")))

    def take_while(self, predicate: Callable, name: str | None = None) -> Dataset:
        """The elements before the first one for which `predicate(element)` is false."""
        return Dataset(
            function_nodes.Filter(self._node, _function(predicate, "predicate"), ends=True)
        )

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """(number, element), numbered from `start`."""
        count = self._node.count()
        stop = start + count if count >= 0 else 2**62
        return Dataset.zip(Dataset.range(start, stop), self)

    # -------------------------------------------------------------------------- changing elements

    def map(
        self,
        map_func: Callable,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """`map_func(element)` for each element; a tuple is passed as several arguments.

        Args:
            num_parallel_calls: number of threads that call it; `AUTOTUNE` is
                `config.num_threads()`, None is the thread that asks for the elements.
            deterministic, synchronous, use_unbounded_threadpool: accepted. Results are in order.
        """
        threads = thread_count(_calls(num_parallel_calls))
        return Dataset(function_nodes.Map(self._node, _function(map_func, "map_func"), threads))

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`batch_size` elements at a time, stacked; the last batch may have fewer.

        `num_parallel_calls` asks for batches in a thread before they are needed.
        """
        node: nodes.Node = selections.Batch(
            self._node, check_count(batch_size, "batch_size"), bool(drop_remainder)
        )
        return Dataset(selections.Prefetch(node, 2) if _calls(num_parallel_calls) else node)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """`batch`, with elements padded at their ends.

        Args:
            padded_shapes: the shapes, nested like the elements; None is the largest size in the
                batch, also within a shape.
            padding_values: one value, or nested like the elements; by default 0 or "".
        """
        size = check_count(batch_size, "batch_size")
        return Dataset(
            group_nodes.PaddedBatch(
                self._node, size, padded_shapes, padding_values, bool(drop_remainder)
            )
        )

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of each element as elements."""
        return Dataset(selections.Unbatch(self._node))

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Data sets of `size` elements, which are `stride` apart; each begins `shift` later."""
        size = check_count(size, "size")
        shift = size if shift is None else check_count(shift, "shift")
        stride = check_count(stride, "stride")
        return Dataset(
            group_nodes.Window(self._node, size, shift, stride, bool(drop_remainder), Dataset)
        )

    def flat_map(self, map_func: Callable, name: str | None = None) -> Dataset:
        """The elements of the data sets that `map_func` returns for each element, in order."""
        function = _function(map_func, "map_func")
        return Dataset(function_nodes.Interleave(self._node, function, 1, 1))

    def interleave(
        self,
        map_func: Callable,
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of the data sets that `map_func` returns, several of these at a time.

        Args:
            cycle_length: of how many data sets in turn, by default 4.
            block_length: how many elements of each, by default 1.
            num_parallel_calls: asks for elements in a thread before they are needed.
        """
        cycle = (
            CYCLE if cycle_length in (None, AUTOTUNE) else check_count(cycle_length, "cycle_length")
        )
        block = 1 if block_length is None else check_count(block_length, "block_length")
        node: nodes.Node = function_nodes.Interleave(
            self._node, _function(map_func, "map_func"), cycle, block
        )
        return Dataset(selections.Prefetch(node, 2 * cycle) if _calls(num_parallel_calls) else node)

    # --------------------------------------------------------------------------------- other steps

    def cache(self, filename: str = "", name: str | None = None) -> Dataset:
        """Keep the elements of the first complete pass in memory, for all later ones."""
        refuse(filename, "filename", "")
        return Dataset(selections.Cache(self._node))

    def prefetch(self, buffer_size: int, name: str | None = None) -> Dataset:
        """Ask for up to `buffer_size` elements in a thread before they are needed."""
        ahead = 2 if buffer_size == AUTOTUNE else check_count(buffer_size, "buffer_size", minimum=0)
        return Dataset(selections.Prefetch(self._node, ahead))

    def apply(self, transformation_func: Callable) -> Dataset:
        """`transformation_func(self)`, which must be a `Dataset`."""
        data = _function(transformation_func, "transformation_func")(self)
        if not isinstance(data, Dataset):
            raise TypeError(
                f"The argument `transformation_func` must return a Dataset. It returned {data!r}."
            )
        return data

    def with_options(self, options: Any, name: str | None = None) -> Dataset:
        """This data set: options say how TensorFlow runs, and do not change elements."""
        return self

    def __getattr__(self, name: str) -> Any:
        raise _missing(type(self).__name__, name)


def _missing(class_name, name):
    """The AttributeError for a missing attribute of `Dataset` or of a data set."""
    if name in MISSING:
        return AttributeError(f"`Dataset.{name}` is not supported.")
    return AttributeError(f"{class_name!r} object has no attribute {name!r}", name=name)


def cardinality(dataset: Dataset) -> Any:
    """`dataset.cardinality()`, in the form of `tf.data.experimental`."""
    return dataset.cardinality()


MISSING = (  # methods of TensorFlow's
    *("bucket_by_sequence_length", "choose_from_datasets", "counter", "fingerprint"),
    *("group_by_window", "ignore_errors", "load", "options", "ragged_batch", "random", "rebatch"),
    *("rejection_resample", "sample_from_datasets", "save", "scan", "snapshot", "sparse_batch"),
    "unique",
)


class DatasetIterator:
    """The elements of one pass.

    Args:
        data: the `Dataset`.
        present: the function that makes what users see of an element.
    """

    def __init__(self, data: Dataset, present: Callable) -> None:
        self._items = data._node.iterate(data.new_pass())
        self._present = present

    def __iter__(self) -> DatasetIterator:
        return self

    def __next__(self) -> Any:
        return self._present(next(self._items))

    def get_next(self) -> Any:
        """The next element."""
        return next(self)

    def close(self) -> None:
        """End the pass, and its threads."""
        self._items.close()  # type: ignore[attr-defined]


def _function(value, name):
    if not callable(value):
        raise TypeError(f"The argument `{name}` must be a function. Received {value!r}.")
    return value


def _calls(value):
    """`num_parallel_calls` as None, AUTOTUNE or a positive integer."""
    if value is None or value == AUTOTUNE:
        return value
    return check_count(value, "num_parallel_calls")


def _node_of(data, method):
    if not isinstance(data, Dataset):
        raise TypeError(f"`Dataset.{method}` takes Datasets. Received {data!r}.")
    return data._node


def _as_tuples(nested):
    """The same with tuples for lists."""
    if isinstance(nested, dict):
        return {key: _as_tuples(value) for key, value in nested.items()}
    if isinstance(nested, (list, tuple)) and not hasattr(nested, "_fields"):
        return tuple(_as_tuples(item) for item in nested)
    return nested


def _shape(shape):
    shape = shape.as_list() if hasattr(shape, "as_list") else shape
    return None if shape is None else tuple(shape)


def _signature(types, shapes):
    """`TensorSpec`s from the older form: dtypes, and shapes nested like them."""
    types = _as_tuples(types)
    if shapes is None:
        return replace(lambda dtype: TensorSpec(None, dtype), types)
    if isinstance(types, tuple):
        return tuple(_signature(dtype, shape) for dtype, shape in zip(types, shapes, strict=True))
    if isinstance(types, dict):
        return {key: _signature(types[key], shapes[key]) for key in types}
    return TensorSpec(_shape(shapes), types)
