"""One module a part of the page: evidence to sections, nothing drawn or written yet."""
