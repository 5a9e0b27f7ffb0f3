"""The row cache: rendered list items, and where a request that comes again found them."""
