"""A model in every format side by side: size, average precision, and the time that an image takes."""
