"""Files: atomic replacement, advisory locks, and changes that overwrite no edit."""
