"""The rarer layers by module: a table for imports on first use, and imports for type checkers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastcnn.layers.adaptive_pooling import (
        AdaptiveAveragePooling1D as AdaptiveAveragePooling1D,
        AdaptiveAveragePooling2D as AdaptiveAveragePooling2D,
        AdaptiveMaxPooling1D as AdaptiveMaxPooling1D,
        AdaptiveMaxPooling2D as AdaptiveMaxPooling2D,
    )
    from fastcnn.layers.affine import (
        RandomRotation as RandomRotation,
        RandomTranslation as RandomTranslation,
        RandomZoom as RandomZoom,
    )
    from fastcnn.layers.alpha_dropout import AlphaDropout as AlphaDropout
    from fastcnn.layers.augmentation import RandomFlip as RandomFlip
    from fastcnn.layers.color_jitter import RandomColorJitter as RandomColorJitter
    from fastcnn.layers.colors import (
        RandomBrightness as RandomBrightness,
        RandomColorDegeneration as RandomColorDegeneration,
        RandomContrast as RandomContrast,
        RandomGrayscale as RandomGrayscale,
    )
    from fastcnn.layers.convolutional_1d import (
        Conv1D as Conv1D,
        Conv1DTranspose as Conv1DTranspose,
        Convolution1D as Convolution1D,
        Convolution1DTranspose as Convolution1DTranspose,
        DepthwiseConv1D as DepthwiseConv1D,
        SeparableConv1D as SeparableConv1D,
        SeparableConvolution1D as SeparableConvolution1D,
    )
    from fastcnn.layers.depthwise import (
        DepthwiseConv2D as DepthwiseConv2D,
        SeparableConv2D as SeparableConv2D,
        SeparableConvolution2D as SeparableConvolution2D,
    )
    from fastcnn.layers.dropout import (
        Dropout as Dropout,
        SpatialDropout1D as SpatialDropout1D,
        SpatialDropout2D as SpatialDropout2D,
    )
    from fastcnn.layers.erasing import RandomErasing as RandomErasing
    from fastcnn.layers.filters import (
        RandomGaussianBlur as RandomGaussianBlur,
        RandomSharpness as RandomSharpness,
    )
    from fastcnn.layers.global_pooling import (
        GlobalAveragePooling2D as GlobalAveragePooling2D,
        GlobalAvgPool2D as GlobalAvgPool2D,
        GlobalMaxPool2D as GlobalMaxPool2D,
        GlobalMaxPooling2D as GlobalMaxPooling2D,
    )
    from fastcnn.layers.group_normalization import GroupNormalization as GroupNormalization
    from fastcnn.layers.histograms import (
        AutoContrast as AutoContrast,
        ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,  # noqa: E501
        Equalization as Equalization,
    )
    from fastcnn.layers.hues import (
        RandomHue as RandomHue,
        RandomSaturation as RandomSaturation,
    )
    from fastcnn.layers.identity import (
        ActivityRegularization as ActivityRegularization,
        Identity as Identity,
    )
    from fastcnn.layers.merging import (
        Add as Add,
        Average as Average,
        Concatenate as Concatenate,
        Dot as Dot,
        Maximum as Maximum,
        Minimum as Minimum,
        Multiply as Multiply,
        Subtract as Subtract,
        add as add,
        average as average,
        concatenate as concatenate,
        dot as dot,
        maximum as maximum,
        minimum as minimum,
        multiply as multiply,
        subtract as subtract,
    )
    from fastcnn.layers.mixing import (
        CutMix as CutMix,
        MixUp as MixUp,
    )
    from fastcnn.layers.noise import (
        GaussianDropout as GaussianDropout,
        GaussianNoise as GaussianNoise,
    )
    from fastcnn.layers.permuting import (
        Permute as Permute,
        RepeatVector as RepeatVector,
    )
    from fastcnn.layers.pipeline import Pipeline as Pipeline
    from fastcnn.layers.policies import (
        AugMix as AugMix,
        RandAugment as RandAugment,
    )
    from fastcnn.layers.pooling_1d import (
        AveragePooling1D as AveragePooling1D,
        AvgPool1D as AvgPool1D,
        GlobalAveragePooling1D as GlobalAveragePooling1D,
        GlobalAvgPool1D as GlobalAvgPool1D,
        GlobalMaxPool1D as GlobalMaxPool1D,
        GlobalMaxPooling1D as GlobalMaxPooling1D,
        MaxPool1D as MaxPool1D,
        MaxPooling1D as MaxPooling1D,
    )
    from fastcnn.layers.preprocessing import (
        Normalization as Normalization,
        Rescaling as Rescaling,
    )
    from fastcnn.layers.reshaping import (
        Cropping2D as Cropping2D,
        Reshape as Reshape,
        UpSampling2D as UpSampling2D,
        ZeroPadding2D as ZeroPadding2D,
    )
    from fastcnn.layers.reshaping_1d import (
        Cropping1D as Cropping1D,
        UpSampling1D as UpSampling1D,
        ZeroPadding1D as ZeroPadding1D,
    )
    from fastcnn.layers.resizing import (
        CenterCrop as CenterCrop,
        RandomCrop as RandomCrop,
        Resizing as Resizing,
    )
    from fastcnn.layers.rms_normalization import RMSNormalization as RMSNormalization
    from fastcnn.layers.sample_normalization import (
        LayerNormalization as LayerNormalization,
        UnitNormalization as UnitNormalization,
    )
    from fastcnn.layers.spectral_normalization import SpectralNormalization as SpectralNormalization
    from fastcnn.layers.tones import (
        RandomInvert as RandomInvert,
        RandomPosterization as RandomPosterization,
        Solarization as Solarization,
    )
    from fastcnn.layers.transposed import (
        Conv2DTranspose as Conv2DTranspose,
        Convolution2DTranspose as Convolution2DTranspose,
    )
    from fastcnn.layers.warps import (
        RandomElasticTransform as RandomElasticTransform,
        RandomPerspective as RandomPerspective,
        RandomShear as RandomShear,
    )

PARTS = {
    "adaptive_pooling": (
        "AdaptiveAveragePooling1D",
        "AdaptiveAveragePooling2D",
        "AdaptiveMaxPooling1D",
        "AdaptiveMaxPooling2D",
    ),
    "affine": (
        "RandomRotation",
        "RandomTranslation",
        "RandomZoom",
    ),
    "alpha_dropout": ("AlphaDropout",),
    "augmentation": ("RandomFlip",),
    "color_jitter": ("RandomColorJitter",),
    "colors": (
        "RandomBrightness",
        "RandomColorDegeneration",
        "RandomContrast",
        "RandomGrayscale",
    ),
    "convolutional_1d": (
        "Conv1D",
        "Conv1DTranspose",
        "Convolution1D",
        "Convolution1DTranspose",
        "DepthwiseConv1D",
        "SeparableConv1D",
        "SeparableConvolution1D",
    ),
    "depthwise": (
        "DepthwiseConv2D",
        "SeparableConv2D",
        "SeparableConvolution2D",
    ),
    "dropout": (
        "Dropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
    ),
    "erasing": ("RandomErasing",),
    "filters": (
        "RandomGaussianBlur",
        "RandomSharpness",
    ),
    "global_pooling": (
        "GlobalAveragePooling2D",
        "GlobalAvgPool2D",
        "GlobalMaxPool2D",
        "GlobalMaxPooling2D",
    ),
    "group_normalization": ("GroupNormalization",),
    "histograms": (
        "AutoContrast",
        "ContrastLimitedAdaptiveHistogramEqualization",
        "Equalization",
    ),
    "hues": (
        "RandomHue",
        "RandomSaturation",
    ),
    "identity": (
        "ActivityRegularization",
        "Identity",
    ),
    "merging": (
        "Add",
        "Average",
        "Concatenate",
        "Dot",
        "Maximum",
        "Minimum",
        "Multiply",
        "Subtract",
        "add",
        "average",
        "concatenate",
        "dot",
        "maximum",
        "minimum",
        "multiply",
        "subtract",
    ),
    "mixing": (
        "CutMix",
        "MixUp",
    ),
    "noise": (
        "GaussianDropout",
        "GaussianNoise",
    ),
    "permuting": (
        "Permute",
        "RepeatVector",
    ),
    "pipeline": ("Pipeline",),
    "policies": (
        "AugMix",
        "RandAugment",
    ),
    "pooling_1d": (
        "AveragePooling1D",
        "AvgPool1D",
        "GlobalAveragePooling1D",
        "GlobalAvgPool1D",
        "GlobalMaxPool1D",
        "GlobalMaxPooling1D",
        "MaxPool1D",
        "MaxPooling1D",
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
    "reshaping_1d": (
        "Cropping1D",
        "UpSampling1D",
        "ZeroPadding1D",
    ),
    "resizing": (
        "CenterCrop",
        "RandomCrop",
        "Resizing",
    ),
    "rms_normalization": ("RMSNormalization",),
    "sample_normalization": (
        "LayerNormalization",
        "UnitNormalization",
    ),
    "spectral_normalization": ("SpectralNormalization",),
    "tones": (
        "RandomInvert",
        "RandomPosterization",
        "Solarization",
    ),
    "transposed": (
        "Conv2DTranspose",
        "Convolution2DTranspose",
    ),
    "warps": (
        "RandomElasticTransform",
        "RandomPerspective",
        "RandomShear",
    ),
}
