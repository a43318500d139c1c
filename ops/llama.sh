#!/usr/bin/env bash
# Builds libllama, which the local backend runs models with, and prints the folder it is in. The sources are those inside the
# PyPI package llama-cpp-python, built into a virtual environment of its own, outside .build: some 350 CPU-seconds once, and
# nothing after that. The environment keeps the package too, as a reference for tokens and a server by other people.
# SLUICE_CACHE is where it goes (default ~/.cache/sluice). A folder without its stamp is half built, and made again.
set -euo pipefail

version=0.3.36
# Not this machine's own instructions: with GGML_NATIVE the build decoded at half the speed, and runs nowhere else. No
# OpenMP: threads are libllama's own, so that one thread means none but the caller's.
settings="-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF -DLLAMA_OPENSSL=OFF"

cache=${SLUICE_CACHE:-${HOME:?HOME or SLUICE_CACHE must be set}/.cache/sluice}
folder=$cache/llama-cpp-python-$version
stamp=$folder/.complete
wanted="$version $(printf '%s' "$settings" | cksum | cut -d ' ' -f 1)"

say() { printf '%s\n' "$*" >&2; }
complete() { [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; }
# libllama/{include,lib} is where it lies, whatever the version of Python; the header says which version it is, which
# llama.h does not.
deliver() {
    if [ ! -f "$folder/libllama/include/sluice_llama_version.h" ]; then
        local packages header version_of
        packages=$(cd "$folder" && echo lib/python3*/site-packages)
        ln -sfn "$packages" "$folder/libllama"
        version_of='import ctypes, sys; f = ctypes.CDLL(sys.argv[1]).llama_version; f.restype = ctypes.c_char_p'
        header=$folder/libllama/include/sluice_llama_version.h
        printf '#define SLUICE_LLAMA_VERSION "%s"\n' \
            "$("$folder/bin/python" -c "$version_of; print(f().decode())" "$folder/libllama/lib/libllama.so")" >"$header.$$"
        mv "$header.$$" "$header"
    fi
    printf '%s\n' "$folder"
    exit 0
}

complete && deliver

for tool in python3 g++ gcc flock; do
    command -v "$tool" >/dev/null || { say "llama: $tool is missing: run ops/setup.sh"; exit 1; }
done

mkdir -p "$cache"
exec 9>"$folder.lock"
if ! flock -n 9; then
    say "llama: waiting for another build of $folder"
    flock 9
fi
complete && deliver

log=$folder.log
say "llama: building libllama into $folder (once, 3 to 6 minutes; log: $log)"
rm -rf "$folder"
# The lock is this script's own: a process that outlives it must not keep it.
if ! {
    python3 -m venv "$folder" &&
        CMAKE_ARGS=$settings nice -n 5 "$folder/bin/python" -m pip install --no-input --disable-pip-version-check \
            --no-binary llama-cpp-python "llama-cpp-python[server]==$version"
} >"$log" 2>&1 9>&-; then
    tail -n 20 "$log" >&2
    say "llama: the build failed; everything else of Sluice builds without it (SLUICE_WITHOUT_LLAMA=1 skips this step)"
    exit 1
fi
printf '%s\n' "$wanted" >"$stamp.new"
mv "$stamp.new" "$stamp"
deliver
