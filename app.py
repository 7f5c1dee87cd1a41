"""Start the app from the source tree, as a Space does: ``lofi app`` of an installed package is the same."""

import sys

from lofi.ui.start import start

if __name__ == "__main__":
    sys.exit(start())
