"""The reference room is light."""

import subprocess
import sys


def test_importing_the_reference_loads_no_framework_and_no_engine():
    code = (
        "import sys, reference, reference.tridiagonal, reference.numbers; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'torch', 'jax', 'triton', 'flint', 'hypothesis', 'impl', 'properties'}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
