"""What is true: slow, exact references in plain NumPy and SciPy, one file per system."""
