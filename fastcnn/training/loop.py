"""The loop over the batches of an epoch that fit, evaluate and predict share."""

import time

STOP_FLAGS = {"train": "stop_training", "test": "stop_evaluating", "predict": "stop_predicting"}


class BatchLoop:
    """Iterates over the batches of an epoch, with hooks and progress around each step.

    Iterating yields each `Batch`; the body of the loop runs the step.

    Args:
        batches: the remaining batches of the epoch.
        hooks: the `CallbackList`.
        mode: "train", "test" or "predict": which hooks are called.
        model: its `stop_training`, `stop_evaluating` or `stop_predicting` ends the loop (see
            `core.ranks.agreed`).
        logs: function that returns the logs so far, for the hooks and the progress bar.
        progress: the `ProgressBar`, or None.
        done: number of completed steps of the epoch.
        step_logs: function that returns what the hooks get at the end of a step; None: `logs`.

    Attributes:
        done: as above, kept up to date.
    """

    def __init__(self, batches, hooks, mode, model, logs, progress=None, done=0, step_logs=None):
        self.batches = batches
        self.hooks = hooks
        self.begin, self.end = f"on_{mode}_batch_begin", f"on_{mode}_batch_end"
        self.model, self.stop_flag = model, STOP_FLAGS[mode]
        self.logs = logs
        self.step_logs = step_logs or logs
        self.progress = progress
        self.done = done

    def __iter__(self):
        hooks, progress, logs = self.hooks, self.progress, self.logs
        model, stop_flag = self.model, self.stop_flag
        begin_hooks, end_hooks = hooks.wants[self.begin], hooks.wants[self.end]
        now = time.perf_counter
        for batch in self.batches:
            if begin_hooks:
                hooks.call_batch(self.begin, self.done, {})
            yield batch
            self.done += 1
            if progress is not None and now() >= progress.due:
                progress.update(self.done, now(), logs)
            if end_hooks:
                hooks.call_batch(self.end, self.done - 1, self.step_logs())
            if getattr(model, stop_flag):
                break
        if progress is not None:
            progress.stop_clock(self.done)
