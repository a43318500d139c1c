"""Byte-pair encoding over GPT-2's byte alphabet, with the pre-tokenizer llama.cpp calls qwen2: a trainer and a tokenizer."""

import collections

import regex

WORD = regex.compile(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_alphabet():
    """A printable character for every byte, those that have none shifted past 255."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = {byte: chr(byte) for byte in printable}
    shifted = 0
    for byte in range(256):
        if byte not in alphabet:
            alphabet[byte] = chr(256 + shifted)
            shifted += 1
    return alphabet


ALPHABET = byte_alphabet()
BYTE_OF = {character: byte for byte, character in ALPHABET.items()}


def words(text):
    return ["".join(ALPHABET[byte] for byte in word.encode()) for word in WORD.findall(text)]


def merged(symbols, pair):
    """The symbols with every occurrence of the pair made one."""
    result = []
    index = 0
    while index < len(symbols):
        if index + 1 < len(symbols) and (symbols[index], symbols[index + 1]) == pair:
            result.append(pair[0] + pair[1])
            index += 2
        else:
            result.append(symbols[index])
            index += 1
    return result


def train(texts, count):
    """The most frequent pairs, one after the other; of equals the last in order."""
    frequency = collections.Counter(word for text in texts for word in words(text))
    symbols = {word: list(word) for word in frequency}
    merges = []
    for _ in range(count):
        pairs = collections.Counter()
        for word, parts in symbols.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += frequency[word]
        if not pairs:
            break
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        if pairs[best] < 2:
            break
        merges.append(best)
        for word, parts in symbols.items():
            symbols[word] = merged(parts, best)
    return merges


class Tokenizer:
    """Text to token numbers and back; special tokens are found by their names."""

    def __init__(self, merges, specials):
        self.merges = merges
        self.specials = specials
        self.rank = {pair: index for index, pair in enumerate(merges)}
        self.vocabulary = [ALPHABET[byte] for byte in range(256)] + [a + b for a, b in merges] + specials
        self.number = {token: index for index, token in enumerate(self.vocabulary)}
        self.special = regex.compile("(" + "|".join(regex.escape(name) for name in specials) + ")")

    def encode(self, text):
        numbers = []
        for part in self.special.split(text):
            if part in self.specials:
                numbers.append(self.number[part])
                continue
            for word in words(part):
                symbols = list(word)
                while len(symbols) > 1:
                    pair = min(zip(symbols, symbols[1:]), key=lambda pair: self.rank.get(pair, 1 << 30))
                    if pair not in self.rank:
                        break
                    index = list(zip(symbols, symbols[1:])).index(pair)
                    symbols[index : index + 2] = [pair[0] + pair[1]]
                numbers += [self.number[symbol] for symbol in symbols]
        return numbers
