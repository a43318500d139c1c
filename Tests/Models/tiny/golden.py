"""Asks llama-cpp-python the first 200 questions of the corpus, one at a time and without chance, and prints the answers.

usage: golden.py MODEL.gguf >golden.jsonl
"""

import json
import sys

import llama_cpp

import corpus

COUNT = 200


def main():
    model = llama_cpp.Llama(sys.argv[1], n_ctx=512, n_threads=1, seed=1, verbose=False)
    questions = list(dict.fromkeys(question for question, _ in corpus.pairs()))[:COUNT]
    for question in questions:
        messages = [{"role": "user", "content": question}]
        answer = model.create_chat_completion(messages, temperature=0, max_tokens=100)
        choice = answer["choices"][0]
        line = {
            "messages": messages,
            "content": choice["message"]["content"],
            "finish_reason": choice["finish_reason"],
            "usage": answer["usage"],
        }
        print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    main()
