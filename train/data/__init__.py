"""Published sets come in, records of one format and shards of films go out: ``python -m train.data``."""
