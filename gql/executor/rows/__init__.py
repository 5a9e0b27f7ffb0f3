"""The row cache: rendered list items and linked documents, by id and by ordinal."""
