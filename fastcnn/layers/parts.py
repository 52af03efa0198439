"""Which module has which of the rarer layers: they are imported when first used."""

PARTS = {
    "affine": (
        "RandomRotation",
        "RandomTranslation",
        "RandomZoom",
    ),
    "augmentation": (
        "RandomErasing",
        "RandomFlip",
    ),
    "colours": (
        "RandomBrightness",
        "RandomContrast",
    ),
    "depthwise": (
        "DepthwiseConv2D",
        "SeparableConv2D",
        "SeparableConvolution2D",
    ),
    "dropout": (
        "Dropout",
        "SpatialDropout2D",
    ),
    "global_pooling": (
        "GlobalAveragePooling2D",
        "GlobalAvgPool2D",
        "GlobalMaxPool2D",
        "GlobalMaxPooling2D",
    ),
    "group_normalization": ("GroupNormalization",),
    "identity": (
        "ActivityRegularization",
        "Identity",
    ),
    "noise": (
        "GaussianDropout",
        "GaussianNoise",
    ),
    "permuting": (
        "Permute",
        "RepeatVector",
    ),
    "preprocessing": (
        "Normalization",
        "Rescaling",
    ),
    "reshaping": (
        "Cropping2D",
        "Reshape",
        "UpSampling2D",
        "ZeroPadding2D",
    ),
    "resizing": (
        "CenterCrop",
        "RandomCrop",
        "Resizing",
    ),
    "sample_normalization": (
        "LayerNormalization",
        "UnitNormalization",
    ),
    "transposed": (
        "Conv2DTranspose",
        "Convolution2DTranspose",
    ),
}
