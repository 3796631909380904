#!/bin/sh
# Submits a batch and collects its results, once a day at most: run again, it goes on where it was broken off, and it
# does nothing where all is there. What failed is tried once more.
#
#   submit.sh [BATCH_FILE [RESULT_FILE]]
#
# PULLBACK_ADDRESS says where the service is. Exit status: 0 all succeeded, 1 some failed, 2 wrong usage or file,
# 3 no service reached, 4 results not written, 128 and more: ended by a signal.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
batch=${1:-$here/sweep.yaml}
results=${2:-sweep-$(date +%F).jsonl}
id=$(basename "$results" | tr -c 'A-Za-z0-9_\n' '-')

pullback submit "$batch" --batch-id "$id" --output "$results"
status=$?

if [ "$status" -eq 1 ]; then
    pullback jobs retry --batch-id "$id" > /dev/null || exit
    pullback jobs export --batch-id "$id" --wait --output "$results"
    status=$?
fi
exit "$status"
