"""Planning: which fields a selection has, their arguments, and the plans made of them."""
