"""How many queries a second newsgraph answers over HTTP, beside other servers and the ceiling."""
