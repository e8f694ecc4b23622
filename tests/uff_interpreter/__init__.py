"""A reader, a checker and a small interpreter of .uff files, to see what a file that Todus wrote says and does.

There is no TensorRT in a test. So this reads a file anew, with nothing of the code that wrote it, and executes it in
NumPy: the operations as their TensorFlow originals are defined, the plugins as the open-source code of
NVIDIA/TensorRT (Apache-2.0) defines them. What it cannot tell is whether TensorRT's parser, whose source is not
public, reads the same out of the file.
"""
