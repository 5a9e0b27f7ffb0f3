"""Documents: front matter parsed into articles and topics, and written back."""
