"""A library it needs is not there."""

raise ImportError("libfancy.so.3: cannot open shared object file")
