"""What real Keras does with each layer, recorded by tests/keras/record.py."""
