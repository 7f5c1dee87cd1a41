"""The bytes of a file come in, a Radiograph goes out: told by content, bounded, grey as it is looked at. No torch."""
