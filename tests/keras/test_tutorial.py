"""The tutorial's script, with only its imports changed, on the real data.

One complete training run: the summary, five epochs, the accuracy and the peak memory.
"""

import ast
import re
import subprocess
import sys

SCRIPT = """
import fastcnn as keras
import numpy as np
fashion_mnist=keras.datasets.fashion_mnist
(train_images,train_labels),(test_images,test_labels)=fashion_mnist.load_data()
train_images=train_images/255.0
test_images=test_images/255.0
model=keras.models.Sequential([
    keras.layers.Conv2D(64,(3,3),activation='relu',input_shape=(28,28,1)),
    keras.layers.MaxPooling2D(2,2),
    keras.layers.Conv2D(64,(3,3),activation='relu'),
    keras.layers.MaxPooling2D(2,2),
    keras.layers.Flatten(),
    keras.layers.Dense(128,activation='relu'),
    keras.layers.Dense(10,activation='softmax')
    ])
print(model.summary())
model.compile(optimizer='adam',loss='sparse_categorical_crossentropy',metrics=['accuracy'])
model.fit(train_images.reshape(-1,28,28,1),train_labels,epochs=5)
print(model.evaluate(test_images.reshape(-1,28,28,1),test_labels))
"""
PEAK_MEMORY = "\nprint([line for line in open('/proc/self/status') if 'VmHWM' in line][0])"
ROWS = (
    ("conv2d (Conv2D)", "(None, 26, 26, 64)", "640"),
    ("max_pooling2d (MaxPooling2D)", "(None, 13, 13, 64)", "0"),
    ("conv2d_1 (Conv2D)", "(None, 11, 11, 64)", "36,928"),
    ("max_pooling2d_1 (MaxPooling2D)", "(None, 5, 5, 64)", "0"),
    ("flatten (Flatten)", "(None, 1600)", "0"),
    ("dense (Dense)", "(None, 128)", "204,928"),
    ("dense_1 (Dense)", "(None, 10)", "1,290"),
)


def test_tutorial_script():
    code = SCRIPT + (PEAK_MEMORY if sys.platform == "linux" else "")
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=1500
    )
    assert done.returncode == 0, done.stderr
    out = done.stdout
    for row in ROWS:
        assert re.search(r"\s*│\s*".join(map(re.escape, row)), out), row
    assert "Total params: 243,786 (952.29 KB)" in out
    epochs = re.findall(r"1875/1875 .* - accuracy: (\S+) - loss: (\S+)", out)
    assert len(epochs) == 5
    # a single unseeded run, so these are bounds and not expected values
    assert float(epochs[-1][0]) > 0.92
    loss, accuracy = ast.literal_eval(re.search(r"^\[.*\]$", out, re.MULTILINE)[0])
    assert accuracy > 0.895
    assert loss < 0.31
    if sys.platform == "linux":
        assert int(re.search(r"VmHWM:\s*(\d+) kB", out)[1]) < 1_000_000
