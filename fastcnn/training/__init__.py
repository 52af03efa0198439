"""Who loops: fit, evaluate and predict, the logs, the progress bar and Ctrl-C."""
