"""The shelf keeps the most recently used values and makes each once."""

import threading
import time

import pytest

from lofi.shelf import Shelf


def test_the_least_recently_used_goes_first() -> None:
    shelf: Shelf[int] = Shelf(2)
    shelf.put("a", 1)
    shelf.put("b", 2)
    assert shelf.get("a") == 1
    shelf.put("c", 3)
    assert (shelf.get("a"), shelf.get("b"), shelf.get("c")) == (1, None, 3)


def test_two_threads_make_a_value_once() -> None:
    shelf: Shelf[int] = Shelf(2)
    made: list[int] = []

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return 7

    threads = [threading.Thread(target=shelf.get_or_make, args=("a", make)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_a_failure_is_not_kept() -> None:
    shelf: Shelf[int] = Shelf(2)
    with pytest.raises(ZeroDivisionError):
        shelf.get_or_make("a", lambda: 1 // 0)
    assert shelf.get_or_make("a", lambda: 5) == 5
