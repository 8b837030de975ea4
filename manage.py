#!/usr/bin/env python3
"""Every command of phr; `manage.py help` lists them."""

import sys

from phr.ops.commandline import main

if __name__ == "__main__":
    sys.exit(main(sys.argv))
