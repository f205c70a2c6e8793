"""Downloads one file from several mirrors, and resumes where the server allows it.

pooch does not replace this module: it neither resumes a download nor tries a second mirror.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import requests
from tqdm import tqdm

from posinfo.store.errors import InputError

ATTEMPTS = 5  # at each mirror
TIMEOUT = 60.0  # seconds without a byte after which the connection counts as stalled
PAUSE = 2.0  # seconds before the second attempt; doubled for each further one
CHUNK = 2**18  # bytes
TEMPORARY = (408, 425, 429, 500, 502, 503, 504)  # HTTP statuses after which a second attempt may succeed


def fetch_verified(urls: Sequence[str], fault: Callable[[Path], str], path: Path, otherwise: str = "") -> None:
    """Download one file from the first mirror that serves a correct one; only a correct file becomes `path`.

    An interrupted download is resumed if the server identifies the same version (a strong ETag or a date), and starts
    again otherwise. A file with a fault is deleted, and the next mirror is tried.

    Args:
        urls: mirrors of the same file, the best first.
        fault: describes the fault of a complete file; empty if it is correct.
        path: of the file.
        otherwise: another way to get the file, for the error.

    Raises:
        InputError: when no mirror serves it; the message has each mirror's answer and how to place the file by hand.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    answers = []
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetch-") as scratch:
        fetched = Path(scratch) / path.name
        for url in urls:
            answer = _from_mirror(url, fetched) or fault(fetched)
            if not answer:
                os.replace(fetched, path)
                return
            answers.append(f"{url}: {answer}")
    raise InputError(
        f"{path.name} was not fetched. {'; '.join(answers) or 'no mirror is known'}. To place it by hand, fetch it "
        f"elsewhere (a browser, another machine){otherwise}, put it at {path} and run again; it is verified when it is "
        "read"
    )


def _from_mirror(url: str, path: Path) -> str:
    """Download from one mirror; returns the error of the last attempt, empty on success."""
    path.unlink(missing_ok=True)
    version = ""
    answer = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            version, answer = _attempt(url, path, version)
        except requests.Timeout:
            answer = f"no answer for {TIMEOUT:g} s"
        except requests.ConnectionError:
            answer = "no connection; the host may be down, or this machine has no network"
        except requests.RequestException as error:
            return str(error)
        if not answer:
            return ""
    return f"{answer} ({ATTEMPTS} attempts)"


def _attempt(url: str, path: Path, version: str) -> tuple[str, str]:
    """Download once, resuming a file of this version.

    Returns:
        The version, an ETag or a date; and why a second attempt may succeed, empty if the file is complete.
    """
    start = path.stat().st_size if version and path.exists() else 0
    # A compressed response has other lengths and ranges than the file.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        status = f"{response.status_code} {response.reason}"
        if response.status_code in TEMPORARY:
            return version, status
        if not response.ok:
            raise requests.RequestException(status)
        if response.status_code != requests.codes.partial_content:
            start = 0
        length = int(response.headers.get("Content-Length", 0))
        etag = response.headers.get("ETag", "")
        date = response.headers.get("Last-Modified", "")
        version = date if not etag or etag.startswith("W/") else etag
        total = start + length if length else None
        bar = tqdm(desc=path.name, initial=start, total=total, unit="B", unit_scale=True, disable=None, leave=False)
        with path.open("ab" if start else "wb") as file, bar:
            try:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
            except requests.RequestException:
                expected = total or "an unknown number of"  # a host that packs while it sends
                return version, f"broke off after {file.tell()} of {expected} bytes"
            file.flush()
            os.fsync(file.fileno())
    return version, ""
