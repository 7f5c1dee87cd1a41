"""A recipe and batches come in, a checkpoint goes out: the loop, its steps and what a restart needs."""
