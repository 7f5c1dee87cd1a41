"""Machinery of ``train.dense``: films with true answers → questions → batches → losses."""
