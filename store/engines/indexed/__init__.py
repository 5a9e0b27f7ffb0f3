"""Indexed snapshots: bitmap indexes, sort orders, and the query planner over them."""
