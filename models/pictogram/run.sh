#!/bin/sh
# Runs one stage with the allocator settings of train.training.MALLOC_TUNABLES: ./run.sh -m train.vae
export GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4000000000:glibc.malloc.trim_threshold=16000000000:glibc.malloc.top_pad=1000000000
cd "$(dirname "$0")" && exec nice -n 5 .venv/bin/python -W ignore "$@"
