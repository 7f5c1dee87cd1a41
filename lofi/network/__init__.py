"""A canvas and words come in; embeddings, boxes and sentences go out: everything that has weights."""
