"""Films and a checkpoint with two networks in, how they are heard together (train.agree) out."""
