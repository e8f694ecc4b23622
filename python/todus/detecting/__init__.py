"""Show what a model finds in images and videos of the user's own."""
