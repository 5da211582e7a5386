"""`python -m crmlab` is the command line."""

from crmlab.cli import main

main()
