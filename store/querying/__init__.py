"""Queries as values: fields, filters, orders, pages, cursors and their costs."""
