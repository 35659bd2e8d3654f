"""``python -m gradverify.verification`` is the command ``gradverify``."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="gradverify")
