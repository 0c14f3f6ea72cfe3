"""What things cost, measured in one run on one machine: ratios count, absolute times are the machine's."""
