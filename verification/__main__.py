"""``python -m gradverify.verification`` is the command ``gradverify``."""

import os
import sys

if not sys.flags.safe_path and sys.path[:1] in ([""], [os.getcwd()]):
    # `python -m` puts the working directory first; a user's random.py must not stand in for the module of that name.
    sys.path.append(sys.path.pop(0))

from .cli import main

if __name__ == "__main__":
    main(prog_name="gradverify")
