"""The input of a step: arrays, streams of batches, and targets."""
