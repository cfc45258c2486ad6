"""``python -m cogitate`` is the command ``cogitate``."""

import sys

from cogitate.cli import main

if __name__ == "__main__":
    sys.exit(main())
