"""`python -m coldplate.console` is the `coldplate` command."""

from coldplate.console.main import main

main()
