import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: lofi.ui.start says why
