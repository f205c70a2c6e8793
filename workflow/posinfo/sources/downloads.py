"""Downloads: one file from the first mirror that gives it whole, resumed where the server allows it."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import requests
from tqdm import tqdm

from posinfo.store.errors import InputError

CHUNK = 2**18  # bytes
FOR_NOW = (408, 425, 429, 500, 502, 503, 504)  # answers that may be another in a moment


def download(
    urls: Sequence[str],
    path: Path,
    refused: Callable[[Path], str | None],
    attempts: int = 5,
    timeout: float = 60,
    pause: float = 2,
) -> None:
    """Write what one of the mirrors serves to `path`, replacing what lies there.

    An attempt that breaks off is resumed where the server vouches for the same bytes (a strong ETag or a date), and
    begun anew otherwise. What `refused` finds fault with is thrown away and fetched again from the next mirror.

    Args:
        urls: mirrors of the same file, the best first.
        refused: says what is wrong with a finished file, or None.
        attempts: per mirror.
        timeout: seconds without a byte after which the connection counts as stalled.
        pause: seconds before the second attempt; doubled for each further one.

    Raises:
        InputError: when no mirror gave a good file; says what each of them answered.
    """
    answers = []
    for url in urls:
        answer = _from_mirror(url, path, attempts, timeout, pause)
        if answer is None and (answer := refused(path)) is None:
            return
        path.unlink(missing_ok=True)
        answers.append(f"{url}: {answer}")
    raise InputError("; ".join(answers) or "no mirror is known")


def _from_mirror(url: str, path: Path, attempts: int, timeout: float, pause: float) -> str | None:
    """None once the file is there, otherwise what went wrong the last time."""
    path.unlink(missing_ok=True)
    version, answer = "", ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            version = _attempt(url, path, version, timeout)
        except _BrokenOffError as error:
            version, answer = error.version, str(error)
        except _RefusedError as error:
            answer = str(error)
            if error.status not in FOR_NOW:
                return answer
        except requests.Timeout:
            answer = f"no answer for {timeout:g} s"
        except requests.ConnectionError:
            answer = "no connection; the host may be down, or this machine has no network"
        except requests.RequestException as error:
            return str(error)
        else:
            return None
    return f"{answer} ({attempts} attempts)"


class _RefusedError(Exception):
    """The server answered, but not with the file."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


class _BrokenOffError(Exception):
    """The connection ended within the file; `version` is the server's word for the bytes so far."""

    def __init__(self, message: str, version: str) -> None:
        super().__init__(message)
        self.version = version


def _attempt(url: str, path: Path, version: str, timeout: float) -> str:
    start = path.stat().st_size if version and path.exists() else 0
    # Compressed on the way, lengths and ranges would be those of other bytes.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as response:
        if not response.ok:
            raise _RefusedError(response.status_code, response.reason)
        if response.status_code != requests.codes.partial_content:
            start = 0
        length = int(response.headers.get("Content-Length", 0))
        etag, date = response.headers.get("ETag", ""), response.headers.get("Last-Modified", "")
        version = date if not etag or etag.startswith("W/") else etag
        with (
            path.open("ab" if start else "wb") as file,
            tqdm(
                desc=path.name, initial=start, total=start + length or None, unit="B", unit_scale=True, disable=None
            ) as bar,
        ):
            try:
                for chunk in response.iter_content(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
            except requests.RequestException:
                file.flush()
                whole = start + length if length else "an unknown number of"  # a host that packs on the way
                raise _BrokenOffError(f"broke off after {file.tell()} of {whole} bytes", version) from None
            file.flush()
            os.fsync(file.fileno())
    return version
