"""A seed comes in; a film cast by a chest in three dimensions, its findings, boxes and report go out."""
