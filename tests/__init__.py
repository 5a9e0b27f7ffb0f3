"""The tests of newsgraph; they mirror the modules."""
