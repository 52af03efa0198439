"""What a child process does with locks that another thread held when the process was forked.

That thread does not exist in the child, so its locks would be held forever, and what it was writing
is half done.
"""

import os
import threading
import weakref

_watched: weakref.WeakSet = weakref.WeakSet()


def watch(thing):
    """Call `thing.after_fork()` in child processes, for as long as the object lives."""
    _watched.add(thing)


class Lock:
    """A lock of the process, for a `with` statement, that no child process inherits as held."""

    def __init__(self):
        self._lock = threading.Lock()
        watch(self)

    def __enter__(self):
        self._lock.acquire()

    def __exit__(self, *error):
        self._lock.release()

    def after_fork(self):
        release(self._lock)


def release(lock):
    """Release a `threading.Lock` or `RLock` in a child process, whoever held it."""
    lock._at_fork_reinit()  # as the standard library does with its own locks


def _after_fork():
    for thing in list(_watched):
        thing.after_fork()


if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=_after_fork)
