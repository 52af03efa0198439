"""`python -m fastcnn script.py [arguments ...]` runs a script with fastcnn in place of Keras.

Without arguments it prints the version, what it runs on and why, and how fast that is.
"""

import sys

USAGE = """\
usage: python -m fastcnn [script.py [arguments ...]]

Run a script in which `keras` and `tensorflow` are fastcnn. Without a script, print the version,
the instruction set, the threads and the OpenMP library, and measure the speed for three seconds."""


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    if not arguments:
        return show_machine()
    if arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    if arguments[0].startswith("-"):
        print(f"{USAGE}\n\nUnknown option: {arguments[0]}", file=sys.stderr)
        return 2
    from fastcnn.utils.as_keras import run_script

    return run_script(arguments[0], arguments[1:])


def show_machine() -> int:
    """What `python -m fastcnn` prints."""
    from fastcnn import config
    from fastcnn.utils.speed import measure
    from fastcnn.utils.system import explain_config

    explain_config()
    if config.backend() != "native":
        print("\nThe speed is measured with the native backend only.")
        return 0
    print("\nMeasuring for three seconds ...", flush=True)
    try:
        measure().print()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
