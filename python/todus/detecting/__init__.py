"""Show what a model finds in pictures and videos of the user's own."""
