"""Builds the wheel: beside its modules, the package holds what they read of the clone, at the same paths."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FOLDERS = ("configs", "expected", "published", "registry", "report", "rules")
READ = ("Snakefile", "config.yaml", "envs", "profiles", *(f"workflow/{folder}" for folder in FOLDERS))


class BuildWithWorkflow(build_py):
    """Copies the modules, then the files of the workflow."""

    def run(self) -> None:
        """Start from an empty folder, so that no file of an earlier build enters the wheel."""
        if self.editable_mode:
            return
        shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        for name in READ:
            target = Path(self.build_lib, "posinfo", name)
            if Path(name).is_dir():
                shutil.copytree(name, target)
            else:
                shutil.copy2(name, target)


setup(cmdclass={"build_py": BuildWithWorkflow})
