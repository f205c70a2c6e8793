"""Choices of images keep the views of a photograph together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from posinfo.images.views import first_views, nested_subsets, photograph_of

SETS = st.dictionaries(st.from_regex(r"[a-z_]{1,4}(-[a-z])?", fullmatch=True), st.integers(1, 5), min_size=1).map(
    lambda counts: [f"{name}-{view}" for name, views in counts.items() for view in range(views)]
)


def test_views_of_one_photograph_have_one_number() -> None:
    assert photograph_of(["a-0", "a-1", "b-c-0", "b-c-1"]).tolist() == [0, 0, 1, 1]


@given(images=SETS, count=st.integers(1, 8))
def test_first_views_are_of_different_photographs(images: list[str], count: int) -> None:
    chosen = first_views(images, count)
    assert all(images[index].endswith("-0") for index in chosen)
    assert len(set(chosen)) == len(chosen) == min(count, len({name.rsplit("-", 1)[0] for name in images}))


@given(images=SETS, seed=st.integers(0, 5))
def test_subsets_grow_and_hold_every_view(images: list[str], seed: int) -> None:
    photographs, before = photograph_of(images), set[int]()
    parts = nested_subsets(images, (0.25, 0.5, 1), seed)
    for count, chosen in parts.items():
        assert before <= set(chosen)
        before = set(chosen)
        inside = set(photographs[chosen].tolist())
        assert len(inside) == count
        assert chosen == np.flatnonzero(np.isin(photographs, list(inside))).tolist()
    assert len(before) == len(images)


def test_another_seed_adds_photographs_in_another_order() -> None:
    images = [f"{name}-0" for name in "abcdefghij"]
    assert nested_subsets(images, (0.3,), 0) == nested_subsets(images, (0.3,), 0)
    assert any(nested_subsets(images, (0.3,), 0) != nested_subsets(images, (0.3,), seed) for seed in range(1, 4))
    assert nested_subsets(images, (0.3,), 0).keys() == {3}
    assert len(nested_subsets(images, (0.01,), 0)[1]) == 1
