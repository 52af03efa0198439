"""What a step reads: arrays, streams of batches, and targets."""
