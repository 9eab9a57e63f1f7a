"""`retrodict report`: numbers and pictures of a run, written anew."""

from retrodict.cli import options
from retrodict.cli.console import answer


def report(run: options.Run, json: options.Json = False) -> None:
    """Check a run again, and write its report anew.

    Writes metrics.json and report.html, one file that opens offline, and prints its path.

    Examples:
      retrodict report runs/inverse-kinematics
    """
    from dataclasses import replace

    from retrodict.cli.job import judge
    from retrodict.cli.run_folder import State
    from retrodict.cli.trained_run import open_run

    trained = open_run(run)
    judge(trained.folder, trained.record, trained.estimator, trained.held_out, trained.problem)
    if trained.record.state is State.TRAINED:
        trained.folder.write_record(replace(trained.record, state=State.FINISHED))
    if json:
        answer(trained.folder.metrics.read_text(encoding="utf-8"))
    else:
        answer(str(trained.folder.report))
