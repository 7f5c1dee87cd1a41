"""A checkpoint and boxed films come in; the same checkpoint, able to use examples in context, goes out."""
