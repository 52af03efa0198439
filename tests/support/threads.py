"""Runs a function in several threads."""

import threading


def run_in_threads(function, count=2):
    """Call function(0), function(1), ... at the same time, and wait for all of them."""
    threads = [threading.Thread(target=function, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
