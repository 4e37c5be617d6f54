"""The first moment of the program: until a command runs, Ctrl-C ends it without a word.

Importing is most of a short answer, and has nothing to clean up. Where the package is only imported nothing is changed.
"""

import os
import signal
import sys


def is_program() -> bool:
    """Tell whether this process is the command, not one that imports the package."""
    words = sys.orig_argv
    as_module = "-m" in words and words[words.index("-m") + 1 :][:1] == ["costmodel"]
    return as_module or os.path.splitext(os.path.basename(sys.argv[0]))[0] == "costmodel"


if is_program() and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
