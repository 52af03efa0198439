"""After TensorFlow's tutorial "Image classification" (tensorflow.org): a folder of photographs."""

import pathlib

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.models import Sequential

data_dir = pathlib.Path("flower_photos")
image_count = len(list(data_dir.glob("*/*.png")))
roses = sorted(data_dir.glob("roses/*"))
print(image_count, "images,", len(roses), "of roses")

batch_size = 32
img_height = 40
img_width = 36
train_ds, val_ds = (
    tf.keras.utils.image_dataset_from_directory(
        data_dir,
        validation_split=0.2,
        subset=subset,
        seed=123,
        image_size=(img_height, img_width),
        batch_size=batch_size,
    )
    for subset in ("training", "validation")
)
class_names = train_ds.class_names
print(class_names)
some_validated = ["/".join(pathlib.Path(path).parts[-2:]) for path in val_ds.file_paths[:9]]
for image_batch, labels_batch in train_ds:
    print(image_batch.shape, labels_batch.shape)
    break

normalization_layer = layers.Rescaling(1.0 / 255)
first_image = normalization_layer(image_batch)[0]
assert 0 <= np.min(first_image) <= np.max(first_image) <= 1

data_augmentation = keras.Sequential(
    [
        layers.RandomFlip("horizontal", input_shape=(img_height, img_width, 3)),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.1),
    ]
)
for images, _ in train_ds.take(1):
    for _ in range(9):
        augmented_images = data_augmentation(images)
        picture = augmented_images[0].numpy().astype("uint8")

num_classes = len(class_names)
model = Sequential(
    [
        data_augmentation,
        layers.Rescaling(1.0 / 255),
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(num_classes, name="outputs"),
    ]
)
model.compile(
    optimizer="adam",
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.summary()
epochs = 8
history = model.fit(train_ds, validation_data=val_ds, epochs=epochs)
test_accuracy = history.history["val_accuracy"][-1]

img = tf.keras.utils.load_img(roses[0], target_size=(img_height, img_width))
img_array = tf.keras.utils.img_to_array(img)
img_array = np.expand_dims(img_array, 0)
predictions = model.predict(img_array)
score = tf.keras.activations.softmax(predictions)[0]
print(f"{class_names[np.argmax(score)]} with {100 * np.max(score):.2f} percent confidence")
