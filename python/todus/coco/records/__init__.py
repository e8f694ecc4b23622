"""TFRecord files of a dataset, as the Object Detection API's create_coco_tf_record writes them.

writer.py         the records of a split, by all cores
shard.py          one file of them
workers.py        the processes that write the files
example.py        one tf.train.Example
tfrecord.py       the frame of a record
masks.py          instance masks
stored_image.py   image files as the API's reader needs them
"""
