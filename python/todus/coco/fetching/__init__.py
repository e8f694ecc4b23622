"""How COCO's files come here: from a mirror, by parts of archives, whole archives, or images one by one.

origin.py           where the files that are here came from
official.py         COCO's own address, checksums and sizes
fetch_plan.py       one by one, or the archive?
inventory.py        sizes of the images in an archive
mirror_inventory.py finding them out
mirror_archives.py  archives of a mirror, and parts of them
archives.py         members of an archive, and their dangers
"""
