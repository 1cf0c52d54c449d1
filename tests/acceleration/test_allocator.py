"""What the C library does with freed memory, seen from outside: in fresh processes."""

import os
import platform
import subprocess
import sys

import pytest

from stylenet.acceleration.allocator import VARIABLES, keep_memory

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left alone")

FAULTS = """
import ctypes, resource
from stylenet.acceleration.allocator import keep_memory
kept = keep_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes, libc.memset.argtypes = [ctypes.c_void_p], [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
def use():
    block = libc.malloc(64 << 20)  # glibc gives blocks of more than 32 MiB back at once, whatever came before
    libc.memset(block, 1, 64 << 20)
    libc.free(block)
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def printed(script: str, *arguments: str, **variables: str) -> list[str]:
    """Return the words that a script prints in a fresh process, with no settings of glibc's but those given."""
    cleared = (*VARIABLES, "MALLOC_ARENA_MAX")
    environment = {name: value for name, value in os.environ.items() if name not in cleared} | variables
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


def second_use(**variables: str) -> tuple[str, int]:
    """Return what `keep_memory` said, and how often the system was asked for a page that had been there before."""
    kept, faults = printed(FAULTS, **variables)
    return kept, int(faults)


@glibc
def test_freed_memory_is_used_again_without_asking_the_system():
    kept, faults = second_use()
    assert kept == "True"
    assert faults < 10


@glibc
def test_settings_of_the_user_are_left_alone():
    kept, faults = second_use(MALLOC_TRIM_THRESHOLD_="131072")
    assert kept == "False"
    assert faults > 30  # huge pages make them few


@glibc
def test_it_does_what_the_environment_variables_do():
    kept, faults = second_use(MALLOC_MMAP_MAX_="0", MALLOC_TRIM_THRESHOLD_="1000000000000")
    assert kept == "False"
    assert faults < 10


THREADS = """
import ctypes, sys
from threading import Thread
from stylenet.acceleration.allocator import keep_memory
keep_memory(one_heap=sys.argv[1] == "one")
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
blocks = []
def take():
    blocks.append(libc.malloc(1 << 20))
    libc.free(blocks[-1])
take()
thread = Thread(target=take)
thread.start()
thread.join()
print(abs(blocks[1] - blocks[0]))
"""


@glibc
@pytest.mark.parametrize(("heaps", "near"), [("one", True), ("many", False)])
def test_threads_share_a_heap_where_asked(heaps: str, near: bool):
    (distance,) = printed(THREADS, heaps)
    assert (int(distance) < 1 << 30) is near  # heaps of other threads are mapped far away


def test_nothing_happens_on_other_systems(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_memory() is False
