"""Embeds texts as the model's authors say (their model card): BERT, the mean over the tokens, length 1.

Plain numpy on the original weights, so that it has nothing in common with what it is compared with.

usage: reference.py MODEL_FOLDER <texts.jsonl >embeddings.jsonl     each line a JSON string, each answer an array
"""

import json
import math
import pathlib
import sys

import numpy
import tokenizers

from weights import read

# Abramowitz and Stegun 7.1.26 is too coarse here: the error function itself.
error_function = numpy.vectorize(math.erf)


class Reference:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = read(folder / "model.safetensors")
        self.tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(256)

    def linear(self, name, x):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def norm(self, name, x):
        centred = x - x.mean(-1, keepdims=True)
        scale = numpy.sqrt((centred**2).mean(-1, keepdims=True) + self.config["layer_norm_eps"])
        return centred / scale * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def layer(self, name, x):
        heads = self.config["num_attention_heads"]
        length, width = x.shape

        def split(part):
            values = self.linear(f"{name}.attention.self.{part}", x)
            return values.reshape(length, heads, width // heads).transpose(1, 0, 2)

        query, key, value = split("query"), split("key"), split("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(width // heads)
        scores = numpy.exp(scores - scores.max(-1, keepdims=True))
        seen = (scores / scores.sum(-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(length, width)
        attended = self.linear(f"{name}.attention.output.dense", seen)
        x = self.norm(f"{name}.attention.output.LayerNorm", attended + x)
        hidden = self.linear(f"{name}.intermediate.dense", x)
        hidden = hidden * 0.5 * (1 + error_function(hidden / math.sqrt(2)))
        return self.norm(f"{name}.output.LayerNorm", self.linear(f"{name}.output.dense", hidden) + x)

    def embed(self, text):
        tokens = self.tokenizer.encode(text).ids
        words = self.weights["embeddings.word_embeddings.weight"][tokens]
        places = self.weights["embeddings.position_embeddings.weight"][: len(tokens)]
        x = words + places + self.weights["embeddings.token_type_embeddings.weight"][0]
        x = self.norm("embeddings.LayerNorm", x.astype(numpy.float64))
        for index in range(self.config["num_hidden_layers"]):
            x = self.layer(f"encoder.layer.{index}", x)
        mean = x.mean(0)
        return mean / numpy.linalg.norm(mean)


def main():
    reference = Reference(pathlib.Path(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps([float(value) for value in reference.embed(json.loads(line))]), flush=True)


if __name__ == "__main__":
    main()
