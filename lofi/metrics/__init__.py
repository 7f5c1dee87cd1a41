"""Figures of grounding, retrieval, language and calibration, each with a patient-bootstrap interval. No torch."""
