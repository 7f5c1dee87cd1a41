"""Words come in, of a report or typed by a reader; statements and phrases to look for go out. No torch."""
