#!/usr/bin/env bash
# Remove what can be made again from a model's checkpoints. The checkpoints and the zoo's files stay, and so do device
# kits and what make detect has drawn: they may hold what the user has made of them.
source "$(dirname "${BASH_SOURCE[0]}")/util.sh"
set_up nothing

choose_model
name="${model_dir##*/}"
rm -rf "$model_dir/eval" "$model_dir/inference-graph" "$model_dir"/benchmark{,.json,.md,.png}
rm -f "$model_dir/$name".{tflite,onnx,uff,pbtxt} "$model_dir/$name"-{float32,float16,dynamic,int8,uint8}.tflite
rm -f "$model_dir/labels.txt" "$model_dir/$name.labels.txt" "$model_dir/$name.onnx.labels.txt"
