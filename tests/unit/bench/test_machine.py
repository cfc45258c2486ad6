import os

from cogitate.bench.machine import CpuClock, describe_cpu, process_group, usable_cores


def test_description_is_one_line_with_cores_and_memory():
    text = describe_cpu()
    assert "\n" not in text
    assert text.startswith(f"{usable_cores()} cores of ")
    assert " GiB, " in text


def test_usable_cores_are_those_this_process_may_use():
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_foreign_share_is_clamped():
    start = CpuClock(busy=0, total=0, own=0)
    # Ticks are counted at different moments, so own work may seem to exceed all work.
    assert start.foreign_fraction(CpuClock(busy=5, total=10, own=8)) == 0.0
    assert start.foreign_fraction(CpuClock(busy=20, total=10, own=0)) == 1.0


def test_the_own_group_contains_this_process():
    assert os.getpid() in process_group(os.getpgrp())
