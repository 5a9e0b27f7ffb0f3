"""Planning: field collection, argument coercion, and the plans that are made of them."""
