"""What real Keras does, recorded, and the scripts that record it: oracle, golden, tutorials."""
