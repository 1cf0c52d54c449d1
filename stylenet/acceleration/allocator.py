"""Have the C library keep the memory that tensors gave back, for the tensors of the next step."""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -4, -8  # of glibc's malloc.h
NEVER = -1
VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "GLIBC_TUNABLES")
"""By which a user sets the same for himself."""


def keep_memory(one_heap: bool = False) -> bool:
    """Stop glibc from handing freed memory back to the system; return whether it obeys.

    By default a large tensor lives in a mapping of its own, which is undone when the tensor is freed: at each step of
    a training the system maps, clears and unmaps the same gigabytes again. This does to the running process, and to
    those that it forks, what `MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1000000000000` does to one that is started
    with it: the process grows to its peak and stays there. (Raising `MALLOC_MMAP_THRESHOLD_`, which is better known, is
    refused above 32 MiB before glibc 2.35.)

    Nothing is done where one of `VARIABLES` is set, and where there is no glibc: macOS, Windows, musl.

    Args:
        one_heap: Have threads that begin later share one heap, as `MALLOC_ARENA_MAX=1` does, for programs in which one
            of many threads works at a time: what each freed in a heap of its own is of no use to the next. A user's
            own `MALLOC_ARENA_MAX` stays.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in VARIABLES):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    if one_heap and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt(M_ARENA_MAX, 1)
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, NEVER))
