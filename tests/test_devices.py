import pytest

from stylenet.devices import most_memory

MIB = 2**20


def machine(root, groups="0::/\n", own=100, available=4000):
    """A file system that says what a machine has, in MiB."""
    (root / "proc" / "self").mkdir(parents=True)
    (root / "proc" / "meminfo").write_text(f"MemTotal: 1 kB\nMemAvailable:   {available * 1024} kB\n")
    (root / "proc" / "self" / "status").write_text(f"Name:\tpython\nVmPeak:\t1 kB\nVmRSS:\t{own * 1024} kB\n")
    (root / "proc" / "self" / "cgroup").write_text(groups)
    return root


def group(folder, limit, taken, version=2):
    """A control group with a limit; `taken` is what its processes hold, in MiB."""
    names = ("memory.max", "anon") if version == 2 else ("memory.limit_in_bytes", "total_rss")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / "memory.stat").write_text(f"file 99999999999\n{names[1]} {taken * MIB}\n")


def test_memory_is_what_the_process_holds_and_what_is_available(tmp_path):
    assert most_memory(machine(tmp_path)) == 4100 * MIB


def test_memory_is_bounded_by_the_limit_of_a_job_above_its_step(tmp_path):
    machine(tmp_path, "0::/job_7/step_0\n")
    top = tmp_path / "sys" / "fs" / "cgroup"
    group(top / "job_7" / "step_0", "max", 300)
    group(top / "job_7", 1000 * MIB, 300)
    assert most_memory(tmp_path) == (100 + 1000 - 300) * MIB


def test_memory_is_bounded_by_control_groups_of_the_first_version(tmp_path):
    machine(tmp_path, "5:devices:/elsewhere\n4:memory:/box\n0::/\n")
    group(tmp_path / "sys" / "fs" / "cgroup" / "memory" / "box", 500 * MIB, 600, version=1)
    assert most_memory(tmp_path) == 100 * MIB  # over its limit already: nothing more


def test_memory_is_not_known_where_the_system_does_not_say(tmp_path):
    assert most_memory(tmp_path) is None
    machine(tmp_path)
    (tmp_path / "proc" / "meminfo").write_text("nothing of use")
    assert most_memory(tmp_path) is None


@pytest.mark.skipif(most_memory() is None, reason="this system does not say what memory there is")
def test_memory_of_this_machine_is_more_than_this_process_holds():
    assert most_memory() > 50 * MIB
