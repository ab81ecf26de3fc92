"""`python -m benchmarks`: servers under the same loads, turn and turn about."""

from benchmarks.run import main

if __name__ == "__main__":
    main()
