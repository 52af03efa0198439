"""The loops of fit, evaluate and predict, their logs, the progress bar and Ctrl-C."""
