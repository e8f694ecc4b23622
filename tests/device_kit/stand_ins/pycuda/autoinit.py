"""In the place of PyCUDA's, which takes the first GPU."""
