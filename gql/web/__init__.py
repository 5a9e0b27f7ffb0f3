"""Pages and feeds for browsers, feed readers and crawlers."""
