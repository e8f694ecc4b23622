"""COCO: its categories, annotations and images, and the datasets that are made of them."""
