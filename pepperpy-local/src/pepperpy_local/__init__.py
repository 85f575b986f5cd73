"""A real language model in your own process, offline, for pepperpy."""
