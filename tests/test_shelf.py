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


def test_a_shelf_counts_what_its_values_weigh() -> None:
    shelf: Shelf[bytes] = Shelf(10, len)
    shelf.put("a", b"1234")
    shelf.put("b", b"1234")
    assert shelf.size == 8
    shelf.put("c", b"123")
    assert (shelf.get("a"), shelf.get("b"), shelf.size) == (None, b"1234", 7)
    shelf.put("b", b"1")
    assert (len(shelf), shelf.size) == (2, 4)


def test_what_was_put_last_stays_even_when_it_alone_is_too_much() -> None:
    shelf: Shelf[bytes] = Shelf(10, len)
    shelf.put("a", b"1")
    shelf.put("b", b"1" * 50)
    assert (shelf.get("a"), len(shelf), shelf.size) == (None, 1, 50)
    shelf.put("c", b"1")
    assert (shelf.get("b"), shelf.size) == (None, 1)


def test_whoever_holds_the_most_gives_way() -> None:
    shelf: Shelf[int] = Shelf(4)
    shelf.put("quiet", 0, "quiet reader")
    for number in range(20):
        shelf.put(f"film {number}", number, "busy reader")
    assert shelf.get("quiet") == 0
    assert [shelf.get(f"film {number}") for number in (16, 17, 18, 19)] == [None, 17, 18, 19]
    shelf.put("late", 1, "third reader")
    assert (shelf.get("quiet"), shelf.get("late")) == (0, 1)
