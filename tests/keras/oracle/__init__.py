"""What real Keras does with each layer, recorded; see record.py and test_layers_keras.py."""
