"""Answers of llama-cpp-python to compare the local backend with: one JSON object a line, for each prompt of standard input.

usage: ask.py MODEL.gguf TOKENS <prompts.jsonl     each line a JSON string
"""

import json
import sys

import llama_cpp


def main():
    model = llama_cpp.Llama(sys.argv[1], n_ctx=512, n_threads=1, seed=1, logits_all=True, verbose=False)
    for line in sys.stdin:
        prompt = json.loads(line)
        answer = model.create_completion(prompt, temperature=0, max_tokens=int(sys.argv[2]), logprobs=3)
        choice = answer["choices"][0]
        scores = choice["logprobs"]
        found = {
            "text": choice["text"],
            "finish_reason": choice["finish_reason"],
            "token_logprobs": [float(value) for value in scores["token_logprobs"]],
        }
        print(json.dumps(found, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
