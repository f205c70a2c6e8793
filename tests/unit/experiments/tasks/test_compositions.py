import numpy as np
import pytest
from posinfo.experiments.tasks.data.compositions import SHAPES, VISIBLE, Compositions, Placement, draw_placement
from posinfo.store.errors import InputError
from scipy import stats

SIDE = 64


def coloured(values: list[int]) -> Compositions:
    """Compositions of photographs of one grey value each, two views of each."""
    images = np.stack([np.full((80, 80, 3), value, np.uint8) for value in values for _ in range(2)])
    return Compositions(images, np.repeat(np.arange(len(values)), 2), seed=0, side=SIDE)


def test_the_mask_covers_the_object_and_nothing_else() -> None:
    series = coloured([10, 90, 170, 250])
    labels = set()
    for index in range(60):
        made = series[index]
        inside, outside = (np.unique(made.image[shown]) for shown in (made.classes > 0, made.classes == 0))
        assert len(inside) == len(outside) == 1
        assert inside[0] != outside[0]
        assert np.unique(made.classes).tolist() == [0, 1 + made.label]
        labels.add(made.label)
    assert labels == set(range(len(SHAPES)))


def test_number_i_does_not_depend_on_what_was_drawn_before() -> None:
    first, second = coloured([0, 255]), coloured([0, 255])
    for index in (7, 3):
        expected = first[index]
        np.testing.assert_array_equal(second[index].image, expected.image)
        np.testing.assert_array_equal(second[index].classes, expected.classes)
    assert not np.array_equal(first[3].classes > 0, first[7].classes > 0)


def test_plain_compositions_fade_from_greys_into_textures() -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 80, 80, 3), dtype=np.uint8)
    textured, plain = (Compositions(images, np.arange(4), 0, SIDE, until) for until in (0, 100))
    for index in (0, 50, 100):
        one, other = textured[index], plain[index]
        np.testing.assert_array_equal(one.classes, other.classes)
        spread = [float(other.image[(one.classes > 0) == value].std(0).mean()) for value in (0, 1)]
        whole = [float(one.image[(one.classes > 0) == value].std(0).mean()) for value in (0, 1)]
        assert spread == pytest.approx([std * index / 100 for std in whole], abs=0.5)
    np.testing.assert_array_equal(textured[100].image, plain[100].image)
    greys = [np.median(plain[0].image[(plain[0].classes > 0) == value]) for value in (0, 1)]
    assert abs(greys[0] - greys[1]) >= 127


@pytest.mark.parametrize("shape", SHAPES)
def test_positions_are_uniform_for_every_shape(shape: str) -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_placement(rng, shape, SIDE) for _ in range(3000)]
    inside = np.array([(p.x / SIDE, p.y / SIDE) for p, _ in drawn if 0 <= p.x <= SIDE and 0 <= p.y <= SIDE])
    counts = np.histogram2d(inside[:, 0], inside[:, 1], bins=4, range=[[0, 1], [0, 1]])[0]
    # The border's cells lose the few whose visible part is too small; the inner cells may not differ from them by more.
    assert stats.chisquare(counts[1:3, 1:3].ravel()).pvalue > 1e-3
    assert counts.min() > 0.8 * counts.max() - 4 * np.sqrt(counts.max())
    rotations = [p.rotation / (2 * np.pi) for p, _ in drawn]
    assert stats.kstest(rotations, "uniform").pvalue > 1e-3
    cover = np.mean([mask for _, mask in drawn], axis=0)
    middle, border = cover[16:48, 16:48].mean(), np.mean([cover[0], cover[-1], cover[:, 0], cover[:, -1]])
    assert 0.6 * middle < border <= 1.05 * middle
    whole = [Placement(SIDE, SIDE, p.radius, p.rotation).mask(shape, 2 * SIDE).sum() for p, _ in drawn[:200]]
    assert all(mask.sum() >= 0.95 * VISIBLE * area for (_, mask), area in zip(drawn[:200], whole, strict=True))


def test_central_objects_lie_whole_in_the_middle() -> None:
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        for _ in range(20):
            placement, mask = draw_placement(rng, shape, SIDE, "centrally")
            assert abs(placement.x - SIDE / 2) <= SIDE / 20
            assert abs(placement.y - SIDE / 2) <= SIDE / 20
            assert mask.sum() == mask[1:-1, 1:-1].sum()


def test_class_map_equals_that_of_the_composition() -> None:
    series = coloured([0, 255])
    for index in range(20):
        np.testing.assert_array_equal(series.class_map(index), series[index].classes)


def test_shapes_have_the_areas_of_their_formulas() -> None:
    areas = {"disc": np.pi * 0.81, "ring": np.pi * (0.95**2 - 0.55**2), "square": 1.96, "triangle": 0.75 * np.sqrt(3)}
    areas |= {"star": 5 * 0.4 * np.sin(np.pi / 5), "cross": 2 * 1.84 * 0.5 - 0.25}
    for shape, area in areas.items():
        mask = Placement(200, 200, 180, 0.3).mask(shape, 400)
        assert mask.sum() / 180**2 == pytest.approx(area, rel=0.01), shape


def test_one_photograph_is_refused() -> None:
    with pytest.raises(InputError, match="at least two photographs"):
        Compositions(np.zeros((3, 8, 8, 3), np.uint8), np.zeros(3, np.int64), 0, 8)
