"""Choosing how a checkpoint's language model and its dense network are heard together (train.agree)."""
