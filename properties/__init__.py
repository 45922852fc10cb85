"""What must hold: kernels and their contracts, laws, inputs, verdicts and the command line."""
