"""Trains the tiny model and writes it as GGUF. Needs torch, numpy, regex and gguf; takes some minutes on two cores.

usage: make.py OUTPUT.gguf [--steps 900]

The same versions on the same kind of machine make the same file. Others round differently, and the model may answer some
questions differently: golden.py writes the answers that belong to it.
"""

import argparse
import math
import random

import gguf
import numpy
import torch
from torch import nn
from torch.nn import functional

import byte_pair
import corpus

WIDTH, LAYERS, HEADS, KEY_HEADS, HIDDEN, CONTEXT = 128, 4, 4, 2, 352, 1024
HEAD = WIDTH // HEADS
MERGES = 765
ROWS, COLUMNS, RATE = 16, 128, 3e-3
END_OF_TEXT, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def rotated(x, cosines, sines):
    """Rotary positions in interleaved pairs (2i, 2i + 1), as llama.cpp wants them for this architecture."""
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cosines - odd * sines, even * sines + odd * cosines), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.hidden_norm = Norm(), Norm()
        self.query = linear(WIDTH, WIDTH)
        self.key = linear(WIDTH, KEY_HEADS * HEAD)
        self.value = linear(WIDTH, KEY_HEADS * HEAD)
        self.output = linear(WIDTH, WIDTH)
        self.gate = linear(WIDTH, HIDDEN)
        self.up = linear(WIDTH, HIDDEN)
        self.down = linear(HIDDEN, WIDTH)

    def forward(self, x, cosines, sines):
        rows, length, _ = x.shape
        normed = self.attention_norm(x)

        def heads(projection, count):
            return projection(normed).view(rows, length, count, HEAD).transpose(1, 2)

        query = rotated(heads(self.query, HEADS), cosines, sines)
        key = rotated(heads(self.key, KEY_HEADS), cosines, sines).repeat_interleave(HEADS // KEY_HEADS, 1)
        value = heads(self.value, KEY_HEADS).repeat_interleave(HEADS // KEY_HEADS, 1)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.output(seen.transpose(1, 2).reshape(rows, length, WIDTH))
        normed = self.hidden_norm(x)
        return x + self.down(functional.silu(self.gate(normed)) * self.up(normed))


class Model(nn.Module):
    def __init__(self, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = Norm()
        for parameter in self.parameters():
            if parameter.dim() > 1:
                spread = 0.02 if parameter is self.embedding.weight else 0.7 / math.sqrt(parameter.shape[1])
                nn.init.normal_(parameter, std=spread)
        for block in self.blocks:
            block.output.weight.data /= math.sqrt(2 * LAYERS)
            block.down.weight.data /= math.sqrt(2 * LAYERS)

    def forward(self, tokens):
        length = tokens.shape[1]
        frequencies = 1e4 ** (-torch.arange(0, HEAD, 2).float() / HEAD)
        angles = torch.arange(length).float()[:, None] * frequencies
        cosines, sines = angles.cos(), angles.sin()
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, cosines, sines)
        return self.norm(x) @ self.embedding.weight.T


def train(model, tokenizer, conversations, steps):
    def written(turns):
        return "".join(f"{START}{role}\n{text}{END}\n" for role, text in turns)

    encoded = [tokenizer.encode(written(turns)) for turns in conversations]
    separator = tokenizer.number[END_OF_TEXT]
    chance = random.Random(3)

    def batch():
        rows = numpy.full((ROWS, COLUMNS + 1), separator, dtype=numpy.int64)
        for index in range(ROWS):
            row = [separator] if chance.random() < 0.3 else []
            while len(row) < COLUMNS + 1:
                row += chance.choice(encoded)
                if chance.random() < 0.3:
                    row.append(separator)
            rows[index] = row[: COLUMNS + 1]
        return torch.from_numpy(rows)

    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.95), weight_decay=0.05)
    for step in range(steps):
        rate = RATE * min(1, (step + 1) / 50) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = batch()
        loss = functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step}: loss {loss.item():.3f}", flush=True)


def write(path, model, tokenizer):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-chat")
    writer.add_license("MIT")
    writer.add_description("tiny test model; text and weights made by this project")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(1e4)
    writer.add_rope_dimension_count(HEAD)
    writer.add_vocab_size(len(tokenizer.vocabulary))
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    # Not "default": llama.cpp then eats spaces when it turns tokens into text.
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokenizer.vocabulary)
    specials = len(tokenizer.specials)
    normal = len(tokenizer.vocabulary) - specials
    writer.add_token_types([gguf.TokenType.NORMAL] * normal + [gguf.TokenType.CONTROL] * specials)
    writer.add_token_merges([f"{a} {b}" for a, b in tokenizer.merges])
    writer.add_bos_token_id(tokenizer.number[END_OF_TEXT])
    writer.add_eos_token_id(tokenizer.number[END])
    writer.add_pad_token_id(tokenizer.number[END_OF_TEXT])
    writer.add_eot_token_id(tokenizer.number[END])
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)

    def tensor(name, parameter):
        values = parameter.detach().float().numpy()
        writer.add_tensor(f"{name}.weight", values if values.ndim == 1 else values.astype(numpy.float16))

    tensor("token_embd", model.embedding.weight)
    tensor("output_norm", model.norm.weight)
    for index, block in enumerate(model.blocks):
        parts = [
            ("attn_norm", block.attention_norm), ("attn_q", block.query), ("attn_k", block.key), ("attn_v", block.value),
            ("attn_output", block.output), ("ffn_norm", block.hidden_norm), ("ffn_gate", block.gate), ("ffn_up", block.up),
            ("ffn_down", block.down),
        ]  # fmt: skip
        for name, part in parts:
            tensor(f"blk.{index}.{name}", part.weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("output")
    arguments.add_argument("--steps", type=int, default=900)
    options = arguments.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(2)
    conversations = corpus.conversations(random.Random(7))
    texts = [text for turns in conversations for _, text in turns]
    merges = byte_pair.train(texts + ["user\nassistant\nsystem\n"] * 50, MERGES)
    tokenizer = byte_pair.Tokenizer(merges, [END_OF_TEXT, START, END])
    model = Model(len(tokenizer.vocabulary))
    train(model, tokenizer, conversations, options.steps)
    write(options.output, model, tokenizer)


if __name__ == "__main__":
    main()
