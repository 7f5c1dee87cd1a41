"""``python -m lofi user …``: who may log in where LOFI_AUTH names a user file."""

import argparse
import getpass
import sys
from pathlib import Path

from lofi.errors import BadQuery
from lofi.ui.accounts import NAME, hashed, read_users, write_users

PURPOSE = "who may log in: add, remove and list users of a file"


def add_arguments(user: argparse.ArgumentParser) -> None:
    """Give the ``user`` command its own commands."""
    commands = user.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, purpose in (
        ("add", "add a user, or give one a new password (asked for, or read from standard input)"),
        ("remove", "remove a user, who is logged out at once"),
        ("list", "the names of all users"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose)
        if name != "list":
            command.add_argument("name", metavar="NAME")
        command.add_argument(
            "--file", required=True, metavar="PATH", help="the user file that LOFI_AUTH=file:PATH names"
        )


def run(chosen: argparse.Namespace) -> str:
    """Do what was asked and return what to print. Raises LofiError."""
    file = Path(chosen.file).expanduser()
    users = read_users(file) if file.exists() or chosen.action != "add" else {}
    if chosen.action == "list":
        return "\n".join(sorted(users)) or "There are no users yet."
    if not NAME.fullmatch(chosen.name):
        raise BadQuery("A user's name is 1 to 64 letters, digits or any of . _ @ - in it.")
    if chosen.action == "remove":
        if chosen.name not in users:
            raise BadQuery("There is no such user.")
        write_users(file, {name: record for name, record in users.items() if name != chosen.name})
        return f"{chosen.name} may no longer log in."
    write_users(file, {**users, chosen.name: hashed(_password())})
    return f"{chosen.name} may log in."


def _password() -> str:
    """Asked for twice at a terminal, else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Once more: "):
        raise BadQuery("The two passwords differ: try again.")
    return first
