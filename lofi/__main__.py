"""``python -m lofi``: the command line (lofi.cli)."""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: app.py says why

from lofi.cli import main

sys.exit(main(sys.argv[1:]))
