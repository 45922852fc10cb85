"""python -m properties: the command line."""

import sys

from properties.command import main

if __name__ == "__main__":
    sys.exit(main())
