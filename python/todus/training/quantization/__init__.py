"""Quantization-aware training: a graph is rewritten so that it computes as the 8-bit integers of a device would.

What tf.contrib.quantize did on TensorFlow 1.15, with the same names of variables, so that checkpoints of either work
with the other; and, besides, ranges of activations that are measured before training begins.

- rewriter: the two entries, for a graph that trains and for one that evaluates or is exported;
- batch_norm, fused_batch_norm, unfused_batch_norm: find a batch normalization and the layer before it;
- folding, correction: fold it into the weights of that layer;
- layers, sums: find what is to be rounded;
- fake_quantization, ranges: round it to the values that the integers can tell, within ranges that follow the training;
- steps: how long that has been going on, for what sets in later;
- calibration, stored_ranges, start: measure the ranges of a detector that was not trained with fake quantization.

Source of the method: Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018, section 3.
"""
