"""What the laws are judged on: strategies of cases, system by system, and the structures that fill their arrays."""
