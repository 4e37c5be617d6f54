"""The first moment of the program: until a command runs, Ctrl-C ends it without a word.

Importing is most of a short answer, and has nothing to clean up. Where the package is only imported nothing is changed.
"""

import _signal  # type: ignore[import-not-found]  # below signal, whose own import leaves Ctrl-C a traceback for milliseconds
import os
import sys


def is_program() -> bool:
    """Tell whether this process is the command, not one that imports the package."""
    words = sys.orig_argv
    as_module = "-m" in words and words[words.index("-m") + 1 :][:1] == ["costmodel"]
    return as_module or os.path.splitext(os.path.basename(sys.argv[0]))[0] == "costmodel"


if is_program() and _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
