"""Records and films come in, a gallery in its folder comes out: built, added to, updated, cut down."""
