"""Records of films come in, batches of canvases, sentences and questions go out."""
