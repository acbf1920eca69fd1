// The shared library is made of the static ones; a library without a source of its own is refused.
