"""The execution plan of a model: its steps, and the head that computes the loss."""
