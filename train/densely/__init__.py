"""Records of films and what is truly known of them come in; batches, losses and figures of the dense network go out."""
