"""Files that nobody vouches for come in, plain checked values go out; rows come in, CSV goes out. For every wing."""
