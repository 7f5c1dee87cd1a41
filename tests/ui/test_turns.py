"""Readers take turns at the model, whoever asks most; places and estimates are true; who left is not waited for."""

import pytest

from lofi.ui.turns import Ticket, Turns
from tests.ui.built import run


def waiting(*desks: str) -> tuple[Turns, list[Ticket]]:
    """One question at the model, and a ticket for each of the desks in that order."""
    turns = Turns(at_once=1)
    turns.ask("first")
    return turns, [turns.ask(desk) for desk in desks]


def served(turns: Turns, running: Ticket, tickets: list[Ticket]) -> list[Ticket]:
    """The tickets in the order of their turns, each given back when the next one is wanted."""
    order: list[Ticket] = []
    while len(order) < len(tickets):
        turns.give_back(running)
        (running,) = (ticket for ticket in tickets if ticket.came.is_set() and ticket not in order)
        order.append(running)
    return order


def test_one_readers_many_questions_do_not_keep_another_waiting() -> None:
    turns = Turns(at_once=1)
    running = turns.ask("busy")
    tickets = [turns.ask(desk) for desk in ("busy", "busy", "busy", "quiet", "third", "quiet")]
    named = [f"{ticket.desk} {tickets.index(ticket)}" for ticket in served(turns, running, tickets)]
    assert named == ["busy 0", "quiet 3", "third 4", "busy 1", "quiet 5", "busy 2"]


def test_the_place_told_is_the_place_kept() -> None:
    turns = Turns(at_once=1)
    running = turns.ask("busy")
    tickets = [turns.ask(desk) for desk in ("busy", "busy", "busy", "quiet", "third", "quiet")]
    told = {ticket: turns.place(ticket) for ticket in tickets}
    assert sorted(tickets, key=lambda ticket: told[ticket]) == served(turns, running, tickets)
    assert sorted(told.values()) == [1, 2, 3, 4, 5, 6]


def test_who_leaves_is_not_waited_for() -> None:
    turns, (second, third) = waiting("second", "third")
    assert (turns.place(second), turns.place(third)) == (1, 2)
    turns.give_back(second)
    assert turns.place(third) == 1


def test_so_many_at_once_and_no_more() -> None:
    turns = Turns(at_once=2)
    tickets = [turns.ask("a"), turns.ask("b"), turns.ask("c")]
    assert [ticket.came.is_set() for ticket in tickets] == [True, True, False]
    turns.give_back(tickets[0])
    turns.give_back(tickets[0])  # twice frees one turn
    assert tickets[2].came.is_set()
    assert turns.place(tickets[2]) == 0
    assert not turns.ask("d").came.is_set()


def test_the_estimate_grows_with_the_place() -> None:
    turns, tickets = waiting("a", "b", "c")
    estimates = [turns.seconds(ticket) for ticket in tickets]
    assert estimates == pytest.approx([estimates[0], 2 * estimates[0], 3 * estimates[0]])


def test_waiting_holds_no_thread_and_can_be_cut_off() -> None:
    async def wait() -> tuple[bool, bool]:
        turns, (ticket,) = waiting("a")
        early = await ticket.within(0.01)
        turns.give_back(next(iter([ticket])))
        return early, ticket.came.is_set()

    assert run(wait()) == (False, False)


def test_short_questions_go_before_long_ones_and_after_three_comes_a_long_one() -> None:
    turns = Turns(at_once=1)
    running = turns.ask("first")
    asked = [("a", True), ("b", True), *((desk, False) for desk in "cdefgh")]
    tickets = [turns.ask(desk, long) for desk, long in asked]
    told = {ticket: turns.place(ticket) for ticket in tickets}
    order = served(turns, running, tickets)
    assert "".join(ticket.desk for ticket in order) == "cdeafghb"
    assert [told[ticket] for ticket in order] == list(range(1, 9))


def test_a_long_question_is_let_in_however_many_short_ones_keep_coming() -> None:
    turns = Turns(at_once=1)
    running = turns.ask("first")
    long = turns.ask("patient", long=True)
    for turn in range(4):
        short = turns.ask(f"hasty {turn}")
        turns.give_back(running)
        if long.came.is_set():
            assert turn == 3
            return
        running = short
    raise AssertionError("it starved")


def test_a_long_question_that_leaves_is_not_waited_for() -> None:
    turns = Turns(at_once=1)
    running = turns.ask("first")
    long, short = turns.ask("a", long=True), turns.ask("b")
    turns.give_back(long)
    turns.give_back(running)
    assert short.came.is_set()
