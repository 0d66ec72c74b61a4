"""Charts of trainings, searches and sweeps, for pages and for notebooks."""
