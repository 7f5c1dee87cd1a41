import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy is imported: app.py says why
