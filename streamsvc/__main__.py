"""`python -m streamsvc`: the command line."""

from streamsvc.cli.main import main

main()
