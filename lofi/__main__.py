"""``python -m lofi``: the command line (lofi.cli)."""

import sys

from lofi.cli import main

sys.exit(main(sys.argv[1:]))
