"""Writes all-MiniLM-L6-v2 as GGUF, in half precision but for what is small.

usage: convert.py MODEL_FOLDER OUTPUT.gguf
"""

import json
import pathlib
import sys

import gguf
import numpy

from weights import read

NAMES = {
    "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output", "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up", "output.dense": "ffn_down", "output.LayerNorm": "layer_output_norm",
}  # fmt: skip


def main():
    folder = pathlib.Path(sys.argv[1])
    config = json.loads((folder / "config.json").read_text())
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    weights = read(folder / "model.safetensors")

    writer = gguf.GGUFWriter(sys.argv[2], "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    # llama.cpp marks the beginnings of words; WordPiece marks what goes on.
    writer.add_token_list([
        token if token.startswith("[") and token.endswith("]")
        else token[2:] if token.startswith("##") else "\u2581" + token
        for token in vocabulary
    ])  # fmt: skip
    control = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
    writer.add_token_types([
        gguf.TokenType.CONTROL if token in control else gguf.TokenType.NORMAL for token in vocabulary
    ])  # fmt: skip
    writer.add_token_type_count(config["type_vocab_size"])
    number = {token: index for index, token in enumerate(vocabulary)}
    writer.add_unk_token_id(number["[UNK]"])
    writer.add_sep_token_id(number["[SEP]"])
    writer.add_pad_token_id(number["[PAD]"])
    writer.add_mask_token_id(number["[MASK]"])
    writer.add_bos_token_id(number["[CLS]"])
    writer.add_eos_token_id(number["[SEP]"])

    def tensor(name, values):
        is_small = values.ndim == 1 or name in ("position_embd.weight", "token_types.weight")
        writer.add_tensor(name, values.astype(numpy.float32 if is_small else numpy.float16))

    tensor("token_embd.weight", weights["embeddings.word_embeddings.weight"])
    tensor("position_embd.weight", weights["embeddings.position_embeddings.weight"])
    tensor("token_types.weight", weights["embeddings.token_type_embeddings.weight"])
    for part in ("weight", "bias"):
        tensor(f"token_embd_norm.{part}", weights[f"embeddings.LayerNorm.{part}"])
        for layer in range(config["num_hidden_layers"]):
            for source, target in NAMES.items():
                tensor(f"blk.{layer}.{target}.{part}", weights[f"encoder.layer.{layer}.{source}.{part}"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
