"""Image files, and the settings with which real Keras read them: see `record_image_folder`."""

SIZE = (20, 16)
CASES = {
    "bilinear": {},
    "nearest": {"interpolation": "nearest"},
    "bicubic": {"interpolation": "bicubic"},
    "lanczos3": {"interpolation": "lanczos3"},
    "lanczos5": {"interpolation": "lanczos5"},
    "gray": {"color_mode": "grayscale"},
    "crop": {"crop_to_aspect_ratio": True},
    "pad": {"pad_to_aspect_ratio": True},
}


def read(keras, folder, case):
    """The images of a folder, as real Keras or fastcnn reads them."""
    data = keras.utils.image_dataset_from_directory(
        folder,
        labels=None,
        shuffle=False,
        batch_size=32,
        image_size=SIZE,
        verbose=False,
        **CASES[case],
    )
    (images,) = list(data)
    return images.numpy()
