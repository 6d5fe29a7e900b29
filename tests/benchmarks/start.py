"""bench.start: how long `./invoke --list` and `sandbox.list` take as whole processes."""

from tests.benchmarks.measuring import INVOKE, QUIET, arguments, median, say, tell, timed


def main() -> None:
    """Measure both, interleaved."""
    asked = arguments()
    commands = {"list_s": [INVOKE, "--list"], "sandbox_list_s": [INVOKE, "sandbox.list"], "floor_s": ["true"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(asked.runs + 1):
        for name, command in commands.items():
            seconds, _ = timed(command, QUIET)
            if run:  # the first is a warm-up
                times[name].append(seconds)
        say(f"run {run} of {asked.runs}")
    tell({**{name: median(values) for name, values in times.items()}, "runs": asked.runs, "seed": asked.seed})


if __name__ == "__main__":
    main()
