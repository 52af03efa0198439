"""Reads the processor's floating-point control word: rounding, denormals, exception flags.

Imports nothing from the package, so that it can be used before the package is imported.
"""

import ctypes
import mmap
import platform

CODE = {
    "x86_64": bytes.fromhex("0fae1f c3"),  # stmxcsr [rdi]; ret
    "aarch64": bytes.fromhex("01443bd5 010000b9 c0035fd6"),  # mrs x1, fpcr; str w1, [x0]; ret
}
FLAGS = 0x3F  # of MXCSR: exceptions that occurred, as opposed to modes


def reader():
    """A function that returns the control word, or None on an unsupported architecture."""
    code = CODE.get(platform.machine())
    if code is None:
        return None
    pages = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    pages.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    function = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_uint32))(address)

    def read():
        word = ctypes.c_uint32()
        function(ctypes.byref(word))
        return word.value

    read.pages = pages  # keep the pages alive as long as the function
    return read
