"""Models of graphs, built alike with this package and with Keras, for the tests of files.

`GRAPHS` maps a name to a function of the package (`fastcnn` or `keras`) that returns a model.
"""

import numpy as np

GRAPHS = {}
# Of these a file made by Keras is recorded.
GOLDEN = ("resnet", "u_net", "siamese", "shared_layer", "nested_with_dictionaries", "operators")


def graph(build):
    """Decorator: register a case."""
    GRAPHS[build.__name__] = build
    return build


def inputs_for(model, count=4, seed=0):
    """An array for each input of a model of either package."""
    rng = np.random.default_rng(seed)
    return [
        rng.normal(size=(count, *tensor.shape[1:])).astype(np.float32) for tensor in model.inputs
    ]


def as_given(model, arrays):
    """Arrays nested like the inputs of a model of either package."""
    nesting = getattr(model, "input", None)
    if isinstance(nesting, dict):
        return dict(zip(sorted(nesting), arrays, strict=True))
    return list(arrays) if len(arrays) > 1 else arrays[0]


def randomize(model, seed=1):
    """Give all weights random values, so that no two of them are equal."""
    rng = np.random.default_rng(seed)
    weights = [rng.uniform(0.1, 1, size=weight.shape) for weight in model.get_weights()]
    model.set_weights([weight.astype(np.float32) for weight in weights])
    return model


def residual_block(keras, x, filters, strides=1):
    layers = keras.layers
    y = layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.Activation("relu")(y)
    y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    if strides > 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, strides=strides)(x)
    return layers.ReLU()(layers.add([x, y]))


@graph
def chain(keras):
    x = keras.Input((8, 8, 3))
    y = keras.layers.Conv2D(4, 3, activation="relu")(x)
    y = keras.layers.MaxPooling2D()(y)
    y = keras.layers.Flatten()(y)
    return keras.Model(x, keras.layers.Dense(3, activation="softmax")(y))


@graph
def identity(keras):
    x = keras.Input((3,), name="only")
    return keras.Model(x, x, name="same")


@graph
def resnet(keras):
    x = keras.Input((8, 8, 3), name="image")
    y = keras.layers.Conv2D(4, 3, padding="same", name="stem")(x)
    y = residual_block(keras, y, 4)
    y = residual_block(keras, y, 6, strides=2)
    y = keras.layers.GlobalAveragePooling2D()(y)
    return keras.Model(x, keras.layers.Dense(2, activation="softmax")(y), name="resnet")


@graph
def u_net(keras):
    layers = keras.layers
    x = keras.Input((8, 8, 1))
    one = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    two = layers.Conv2D(6, 3, padding="same", activation="relu")(layers.MaxPooling2D()(one))
    bottom = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(two))
    up = layers.Conv2DTranspose(6, 2, strides=2)(bottom)
    up = layers.Concatenate()([up, two])
    up = layers.Conv2D(4, 3, padding="same")(up)
    up = layers.UpSampling2D()(up)
    up = layers.concatenate([one, up])
    return keras.Model(x, layers.Conv2D(1, 1, activation="sigmoid")(up))


@graph
def inception(keras):
    layers = keras.layers
    x = keras.Input((6, 6, 3))
    branches = [
        layers.Conv2D(2, 1, activation="relu")(x),
        layers.Conv2D(3, 3, padding="same", activation="relu")(x),
        layers.Conv2D(1, 1)(layers.MaxPooling2D(3, strides=1, padding="same")(x)),
    ]
    y = layers.Concatenate(axis=-1)(branches)
    return keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))


@graph
def inverted_residual(keras):
    layers = keras.layers
    x = keras.Input((6, 6, 4))
    y = layers.Conv2D(8, 1, use_bias=False)(x)
    y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Conv2D(4, 1, use_bias=False)(y))
    y = layers.Add()([x, y])
    return keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling2D()(y)))


@graph
def siamese(keras):
    layers = keras.layers
    encoder = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(3, 3), layers.Flatten(), layers.Dense(4)],
        name="encoder",
    )
    a, b = keras.Input((6, 6, 1), name="left"), keras.Input((6, 6, 1), name="right")
    difference = layers.Subtract()([encoder(a), encoder(b)])
    return keras.Model([a, b], layers.Dense(1, activation="sigmoid")(difference), name="siamese")


@graph
def siamese_graph(keras):
    layers = keras.layers
    x = keras.Input((5,))
    encoder = keras.Model(x, layers.Dense(3)(layers.Dense(4, activation="relu")(x)), name="twin")
    a, b = keras.Input((5,)), keras.Input((5,))
    return keras.Model([a, b], layers.Dot(axes=1, normalize=True)([encoder(a), encoder(b)]))


@graph
def shared_layer(keras):
    layers = keras.layers
    dense = layers.Dense(4, name="shared")
    x = keras.Input((4,))
    y = dense(x)
    return keras.Model(x, layers.Add()([y, dense(y), dense(dense(y))]))


@graph
def shared_between_branches(keras):
    layers = keras.layers
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    one, two = layers.Dense(3, name="one"), layers.Dense(3, name="two")
    left = two(layers.ReLU()(one(a)))
    return keras.Model([a, b], [left, one(b), layers.Maximum()([left, one(b)])])


@graph
def shared_normalization(keras):
    layers = keras.layers
    x = keras.Input((6, 6, 2))
    normalization = layers.BatchNormalization(name="norm")
    y = normalization(layers.Conv2D(2, 3, padding="same")(x))
    return keras.Model(x, normalization(layers.Conv2D(2, 3, padding="same")(y)))


@graph
def several_outputs(keras):
    layers = keras.layers
    x = keras.Input((5,), name="x")
    y = layers.Dense(4, activation="relu", name="trunk")(x)
    return keras.Model(x, [layers.Dense(2, name="head")(y), y, layers.Dense(1, name="tail")(y)])


@graph
def one_input_and_output_in_lists(keras):
    x = keras.Input((5,))
    return keras.Model([x], [keras.layers.Dense(2)(x)])


@graph
def dictionaries(keras):
    layers = keras.layers
    inputs = {name: keras.Input((3,), name=name) for name in ("z", "a", "m")}
    y = layers.Concatenate()([inputs["m"], inputs["z"], inputs["a"]])
    outputs = {"second": layers.Dense(2, name="d2")(y), "first": layers.Dense(1, name="d1")(y)}
    return keras.Model(inputs, outputs)


@graph
def nested_with_two_inputs(keras):
    layers = keras.layers
    a, b = keras.Input((3,), name="ia"), keras.Input((3,), name="ib")
    inner = keras.Model([a, b], layers.Dense(2)(layers.Multiply()([a, b])), name="inner")
    c, d = keras.Input((3,), name="c"), keras.Input((3,), name="d")
    y = layers.Average()([inner([c, d]), inner([d, c])])
    return keras.Model([c, d], y)


@graph
def nested_with_dictionaries(keras):
    layers = keras.layers
    a, b = keras.Input((3,), name="ia"), keras.Input((3,), name="ib")
    outputs = {"s": layers.Add()([a, b]), "t": layers.Dense(2, name="t")(a)}
    inner = keras.Model({"ia": a, "ib": b}, outputs, name="inner")
    c, d = keras.Input((3,), name="c"), keras.Input((3,), name="d")
    found = inner({"ia": c, "ib": d})
    return keras.Model([c, d], layers.Concatenate()([found["s"], found["t"]]))


@graph
def nested_with_two_outputs(keras):
    layers = keras.layers
    x = keras.Input((4,))
    inner = keras.Model(x, [layers.Dense(3, name="a")(x), layers.Dense(3, name="b")(x)])
    y = keras.Input((4,))
    first, second = inner(y)
    return keras.Model(y, [second, layers.Minimum()([first, second])])


@graph
def nested_as_output(keras):
    layers = keras.layers
    x = keras.Input((4,))
    inner = keras.Model(x, layers.Dense(4)(x), name="inner")
    y = keras.Input((4,))
    once = inner(y)
    return keras.Model(y, [once, inner(once)])


@graph
def nested_three_deep(keras):
    layers = keras.layers

    def wrap(call, name):
        x = keras.Input((4,))
        return keras.Model(x, layers.Add()([x, call(layers.Dense(4)(x))]), name=name)

    first = wrap(layers.Dense(4), "first")
    second = wrap(first, "second")
    third = wrap(second, "third")
    x = keras.Input((4,))
    return keras.Model(x, third(x))


@graph
def sequential_in_sequential_in_graph(keras):
    layers = keras.layers
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.ReLU()], name="inner")
    outer = keras.Sequential([keras.Input((4,)), inner, layers.Dense(2)], name="outer")
    x = keras.Input((4,))
    return keras.Model(x, outer(x), name="model")


@graph
def graph_in_sequential(keras):
    layers = keras.layers
    x = keras.Input((6, 6, 2))
    base = keras.Model(x, residual_block(keras, x, 3), name="base")
    return keras.Sequential([keras.Input((6, 6, 2)), base, layers.Flatten(), layers.Dense(2)])


@graph
def unbuilt_sequential_in_graph(keras):
    layers = keras.layers
    head = keras.Sequential([layers.Dense(3, activation="relu"), layers.Dense(2)], name="head")
    x = keras.Input((5,))
    return keras.Model(x, head(x), name="model")


@graph
def frozen_base(keras):
    layers = keras.layers
    x = keras.Input((6, 6, 2))
    base = keras.Model(x, residual_block(keras, x, 3), name="base")
    base.trainable = False
    y = keras.Input((6, 6, 2))
    z = layers.GlobalAveragePooling2D()(base(y, training=False))
    return keras.Model(y, layers.Dense(2)(z))


@graph
def frozen_layers(keras):
    layers = keras.layers
    x = keras.Input((5,))
    y = layers.Dense(4, trainable=False, name="fixed")(x)
    return keras.Model(x, layers.Dense(2)(layers.BatchNormalization(trainable=False)(y)))


@graph
def training_arguments(keras):
    layers = keras.layers
    x = keras.Input((6,))
    y = layers.Dropout(0.5)(layers.Dense(6)(x), training=False)
    y = layers.BatchNormalization()(y, training=False)
    return keras.Model(x, layers.Dense(2)(y))


@graph
def all_merges(keras):
    layers = keras.layers
    a, b = keras.Input((4, 3)), keras.Input((4, 3))
    merged = [
        layers.Add()([a, b]),
        layers.Subtract()([a, b]),
        layers.Multiply()([a, b]),
        layers.Average()([a, b, a]),
        layers.Maximum()([a, b]),
        layers.Minimum()([a, b]),
        layers.Concatenate(axis=1)([a, b]),
        layers.Concatenate(axis=-1)([a, b]),
        layers.Dot(axes=2)([a, b]),
    ]
    return keras.Model([a, b], merged)


@graph
def broadcast(keras):
    layers = keras.layers
    x = keras.Input((4, 4, 3))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(3, 1, activation="sigmoid")(gate)
    return keras.Model(x, layers.Multiply()([x, gate]))


@graph
def operators(keras):
    x, y = keras.Input((4,), name="x"), keras.Input((4,), name="y")
    z = keras.layers.Dense(4)(x + y)
    return keras.Model([x, y], 2.0 * z - x * y)


@graph
def operators_with_numbers(keras):
    x = keras.Input((3,))
    y = keras.layers.Dense(3)(x * 2 - 1)
    return keras.Model(x, [1 - y, y + 0.5, 3 + y])


@graph
def batch_size(keras):
    x = keras.Input((4,), batch_size=4)
    y = keras.layers.Dense(3)(x)
    return keras.Model(x, keras.layers.Add()([y, y]))


@graph
def cut_out_of_a_model(keras):
    layers = keras.layers
    x = keras.Input((6, 6, 2))
    y = layers.Conv2D(3, 3, name="first")(x)
    z = layers.Conv2D(2, 3, name="second")(layers.ReLU()(y))
    whole = keras.Model(x, layers.Dense(2)(layers.Flatten()(z)))
    middle = whole.get_layer("second").output
    return keras.Model(whole.inputs, [middle, whole.get_layer("first").output])


@graph
def called_elsewhere_before(keras):
    """The second call of the layer is the first one in the model."""
    layers = keras.layers
    dense = layers.Dense(3, name="dense")
    elsewhere = keras.Input((4,))
    keep = dense(elsewhere)
    x = keras.Input((4,))
    model = keras.Model(x, layers.ReLU()(dense(x)))
    model.keep = keep
    return model


@graph
def unused_input(keras):
    x, unused = keras.Input((4,), name="x"), keras.Input((2,), name="unused")
    return keras.Model([x, unused], keras.layers.Dense(2)(x))


@graph
def regularized(keras):
    layers = keras.layers
    x = keras.Input((4,))
    y = layers.Dense(3, kernel_regularizer="l2", bias_constraint="non_neg", name="a")(x)
    z = layers.Dense(3, activity_regularizer=keras.regularizers.L1(0.1), name="b")(x)
    return keras.Model(x, layers.Add()([y, z]))
