"""What runs: the steps that a list of layers becomes, and the head that computes the loss."""
