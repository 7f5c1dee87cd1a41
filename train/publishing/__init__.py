"""Publishing: a tree, a checkpoint or a gallery comes in, a folder for the hub goes out and is pushed."""
