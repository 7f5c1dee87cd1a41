"""``python -m lofi`` and the command ``lofi``: the command line (lofi.cli)."""

import os
import sys


def main() -> int:
    """Run the command of this process's arguments and return its exit status."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: lofi.ui.start says why
    from lofi import cli

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
