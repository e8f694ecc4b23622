"""The generated mini-COCO, its mirror and its little zoo model: the whole road, offline, in minutes."""
