# Sourced by the studies on panels: reads `retail` or `freshretail FILE` and words from the arguments, PAIRS from
# the environment; sets config, and words for every training.
config=${1:?usage: $0 retail|freshretail [FILE] [key.path=value ...]}
shift
words=()
if [[ $config == freshretail ]]; then
    words+=("data.path=${1:?the FILE of freshretail}")
    shift
fi
[[ -n ${PAIRS:-} ]] && words+=("data.options.pairs=$PAIRS")
[[ $config == retail && -n ${PAIRS:-} ]] && words+=("split.validation_pairs=$((PAIRS / 11))")
words+=("$@")
