"""What newsgraph costs in time and memory, and the documents that it is measured on."""
