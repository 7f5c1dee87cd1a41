"""A parametric chest in three dimensions and the film it casts: anatomy, findings, ray sums, exposure, report."""
