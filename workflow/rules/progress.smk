"""What a person reads while jobs run: one line for each job that ended, with a bar and the time left for the whole run.

The last line of a run that stops says why. With --verbose, and in Snakemake's log in .snakemake/log, files, reasons and
tracebacks stand as Snakemake writes them.
"""

import re
import sys
from difflib import get_close_matches
from pathlib import Path
from time import time

from snakemake.logging import DefaultFormatter, get_event, logger
from snakemake_interface_logger_plugins.common import LogEvent
from tqdm import tqdm

METER = "{n_fmt:>4} of {total_fmt} {bar:20} {remaining} left "
ANNOUNCING = (LogEvent.JOB_STARTED, LogEvent.GROUP_INFO, LogEvent.RESOURCES_INFO)
# How a mistake of the user ends a log of posinfo; how Snakemake words one, and a file that no rule makes.
LOGGED = re.compile(r"^posinfo [\w-]+: (.+)", re.DOTALL | re.MULTILINE)
MISTAKE = re.compile(r"InputError(?: in file [^\n]+)?:\s+(.+?)(?=\nWildcards:|\n  File |\Z)", re.DOTALL)
UNMADE = re.compile(r"No rule to produce (.+) \(if you use input functions")
NOTHING = "Nothing to be done"
UNRECORDED = "missing provenance/metadata"  # said in a dry run only; `unrecorded` says it in every run
STOPPED = "Stopped. The same command resumes the run."


class JobLines(DefaultFormatter):
    """Formats the records of a run for the screen, and as a filter leaves out what its lines say already."""

    def __init__(self, settings, terminal):
        super().__init__(settings.quiet, settings.show_failed_logs)
        self.dryrun = settings.dryrun
        self.line = "\r\x1b[K" if terminal else ""  # clears the bar that a job has drawn
        self.begun = time()
        self.jobs = {}  # by number: the rule and its wildcards
        self.ended = []
        self.reasons = []  # why the run stops

    def filter(self, record):
        event = get_event(record)
        if event == LogEvent.JOB_INFO:
            self.jobs[record.jobid] = " ".join([record.rule_name, *map(str, record.wildcards.values())])
            return self.dryrun
        if event == LogEvent.JOB_FINISHED:
            self.ended.append(self.jobs.get(record.job_id, ""))
            return False
        if event == LogEvent.JOB_ERROR:
            mistakes = self.mistakes(record.log)
            job = self.jobs.get(record.jobid, record.rule_name)
            self.reasons += [f"{job}: {mistake}" for mistake in mistakes]
            return not mistakes and STOPPED not in self.reasons
        if "CalledProcessError in file" in str(record.msg):  # the job's error says it too
            return False
        if str(record.msg).startswith("Terminating processes on user request"):
            self.reasons.append(STOPPED)
        if UNRECORDED in str(record.msg):
            return False
        return event not in ANNOUNCING and record.msg != "Select jobs to execute..."

    def mistakes(self, logs):
        """What logs that this run wrote ask the user to mend."""
        written = [Path(log) for log in logs if Path(log).exists() and Path(log).stat().st_mtime > self.begun]
        texts = [log.read_text(encoding="utf-8", errors="replace") for log in written]
        return [found[1].strip() for text in texts if (found := LOGGED.search(text))]

    def format(self, record):
        text = super().format(record)
        if get_event(record) == LogEvent.RUN_INFO or str(record.msg).startswith(NOTHING):
            return text + unrecorded()
        if get_event(record) != LogEvent.ERROR:
            return text
        if mistake := MISTAKE.search(text):
            return mistake[1]
        if unmade := UNMADE.search(text):
            return (
                f"No rule makes {unmade[1]}{nearest(unmade[1])}. This run's results lie in {RUN.results}/; others need "
                "their --configfile, or --config patterns=released."
            )
        return "\n".join(self.reasons) or text

    def format_job_info(self, msg):
        return self.jobs[msg["jobid"]]

    def format_progress(self, msg):
        meter = tqdm.format_meter(msg["done"], msg["total"], time() - self.begun, bar_format=METER)
        ended, self.ended = self.ended, []
        return f"{self.line}{meter}{', '.join(ended)}"


def nearest(target):
    """The path of the table or figure whose name is like that of a target, as a part of a sentence; empty if none is."""
    paths = {name: f"{RUN.results}/figures/{name}.png" for name in FIGURES}
    paths |= {name: f"{RUN.results}/tables/{name}.csv" for name in TABLES}
    near = get_close_matches(Path(target).stem, paths, n=1)
    return f"; the nearest is {paths[near[0]]}" if near else ""


def unrecorded():
    """A sentence about results without Snakemake's records, which tell that a setting has changed; empty if none is."""
    kept = [job for job in workflow.dag.jobs if workflow.dag.reason(job).no_metadata and not workflow.dag.needrun(job)]
    count = sum(Path(job.output[0]).is_relative_to(RUN.results) for job in kept)
    if not count:
        return ""
    return (
        f"\n{count} results in {RUN.results} are kept as they are: {Path.cwd() / '.snakemake'} does not say what settings "
        "they were made with. If these have changed, delete them."
    )


def say_interrupted(kind, error, trace):
    """Say in one line that Ctrl-C stopped the run before its first job; Snakemake itself does so later."""
    if issubclass(kind, KeyboardInterrupt):
        print(STOPPED, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


onsuccess:
    page = f"{RUN.results}/index.html"
    made = sorted(workflow.dag.targetfiles) or [page for job in workflow.dag.jobs if page in job.output]
    if made:
        logger.info(f"Made: {', '.join(made)}")


for handler in logger.handlers:
    if handler.name == "DefaultStreamHandler" and not workflow.output_settings.verbose:
        lines = JobLines(workflow.output_settings, handler.is_tty)
        handler.setFormatter(lines)
        handler.addFilter(lines)
        # Snakemake takes its handlers away before it tears a run down, which may fail after Ctrl-C: the reason stays last.
        logger.addFilter(lambda record: bool(logger.handlers or not lines.reasons))
        sys.excepthook = say_interrupted
