"""Answers and truths come in; figures with a patient-bootstrap interval go out. No torch."""
