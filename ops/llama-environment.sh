# Sourced by the other scripts: sees to it that libllama is there, and says to SwiftPM and to tests where, in SLUICE_LLAMA.
# Without it everything builds; the local backend then says what to run. SLUICE_WITHOUT_LLAMA=1 leaves it out.
if [ -n "${SLUICE_WITHOUT_LLAMA:-}" ]; then
    unset SLUICE_LLAMA
elif [ -z "${SLUICE_LLAMA:-}" ]; then
    if SLUICE_LLAMA=$(ops/llama.sh); then
        export SLUICE_LLAMA
    else
        unset SLUICE_LLAMA
        printf '%s\n' "building without libllama: the local backend will not run models" >&2
    fi
fi
