"""HTTP benchmark: requests per second of newsgraph, beside other servers and an upper bound."""
