"""Rules that choose thresholds and candidates without masks, on scores whose best threshold is known."""

import numpy as np
import pytest

from mmwsss.evaluation.choosing import DEFAULT_RULE, RULE_WITHOUT_COMPOSITES, choose, choose_by_default
from mmwsss.evaluation.composite_figures import composites_iou, lose_composites, sees_composites
from mmwsss.evaluation.evidence import (
    CUTS,
    THRESHOLDS,
    CompositeCurvesBuilder,
    Evidence,
    FrameCurvesBuilder,
    shares_above,
)
from mmwsss.evaluation.rules import RULES, find_rule, image_labels, positive_unlabelled

SIZE = 40


def frame(rng, smoke, shift=0.0, noise=0.05):
    """Scores and truth: smoke scores around 0.6, what is not around 0.15, both moved by ``shift``."""
    truth = np.zeros((SIZE, SIZE), bool)
    if smoke:
        y, x, side = rng.integers(0, 20, 2).tolist() + [int(rng.integers(8, 18))]
        truth[y : y + side, x : x + side] = True
    scores = np.where(truth, 0.6, 0.15) + shift + rng.normal(0, noise, truth.shape)
    return np.clip(scores, 0, 1), truth


def evidence_of(shift=0.0, noise=0.05, seed=0):
    rng = np.random.default_rng(seed)
    frames, composites = FrameCurvesBuilder(), CompositeCurvesBuilder()
    for index in range(30):
        score, _ = frame(rng, index % 2 == 0, shift, noise)
        other = np.clip(score + rng.normal(0, 0.02, score.shape), 0, 1)
        frames.add(f'{index}.jpg', f'day {index // 4}', 0, index % 2 == 0, score, (score, other))
        score, truth = frame(rng, True, shift, noise)
        clean, _ = frame(rng, False, shift, noise)
        composites.add(f'{index}.jpg', f'day {index // 4}', score, truth * 0.5, clean)
    return Evidence(frames.build(), composites.build())


@pytest.fixture(scope='module')
def plain():
    return evidence_of()


@pytest.mark.parametrize('rule', ['composites_0.1', 'composites_labels', 'composites_then_labels', 'pu', 'otsu'])
@pytest.mark.parametrize('shift', [-0.1, 0.0, 0.2])
def test_rules_find_the_gap_wherever_it_lies(rule, shift):
    """Between the heaps of scores around 0.15 and 0.6, both moved."""
    found = choose({'one': evidence_of(shift)}, rule).threshold
    assert 0.27 + shift <= found <= 0.48 + shift


def test_scores_that_are_probabilities_choose_by_themselves():
    """The best threshold of calibrated scores is IoU / (1 + IoU)."""
    rng = np.random.default_rng(3)
    builder, pairs = FrameCurvesBuilder(), []
    for index in range(20):
        score = rng.beta(0.4, 1.2, (SIZE, SIZE))
        builder.add(str(index), 'b', 0, True, score)
        pairs.append((score, rng.random(score.shape) < score))
    choice = choose({'one': Evidence(builder.build())}, 'own')
    ious = [sum(((s > t) & y).sum() for s, y in pairs) / sum(((s > t) | y).sum() for s, y in pairs) for t in THRESHOLDS]
    assert max(ious) - ious[round(100 * choice.threshold) - 1] < 0.005
    assert choice.score == pytest.approx(max(ious), abs=0.01)
    assert choice.threshold == pytest.approx(choice.score / (1 + choice.score), abs=0.02)


def test_the_iou_of_composites_is_that_of_the_masks(plain):
    rng = np.random.default_rng(5)
    builder, pairs = CompositeCurvesBuilder(), []
    for index in range(4):
        score, truth = frame(rng, True, noise=0.3)
        matte = truth * rng.random(truth.shape)
        builder.add(str(index), 'b', score, matte, score)
        pairs.append((score, matte))
    found = composites_iou(builder.build(), 0.2)
    for place in (0, 30, 70):
        masks = [(score > THRESHOLDS[place], matte > 0.2) for score, matte in pairs]
        wanted = sum((a & b).sum() for a, b in masks) / sum((a | b).sum() for a, b in masks)
        assert found[place] == pytest.approx(wanted)


@pytest.mark.parametrize(('gain', 'sees'), [(0.6, True), (0.0, False)])
def test_a_network_that_is_blind_to_composites_is_known(gain, sees):
    rng = np.random.default_rng(0)
    builder = CompositeCurvesBuilder()
    for index in range(6):
        _, truth = frame(rng, True)
        score = np.clip(0.2 + gain * truth + 0.1 * rng.random(truth.shape), 0, 1)
        builder.add(str(index), 'b', score, truth.astype(float), score)
    assert sees_composites(builder.build()) == sees


def test_candidates_that_spoil_composites_are_left_out():
    def curves(found):
        builder, rng = CompositeCurvesBuilder(), np.random.default_rng(0)
        for index in range(6):
            _, truth = frame(rng, True)
            score = np.clip(0.1 + 0.8 * truth * (rng.random(truth.shape) < found), 0, 1)
            builder.add(str(index), 'b', score, truth.astype(float), score)
        return builder.build()

    best, near, far = curves(0.9), curves(0.75), curves(0.4)
    assert lose_composites({'best': best, 'near': near, 'far': far}) == ['far']
    assert lose_composites({'far': far}) == [] == lose_composites({'best': best, 'near': near})


def test_image_labels_are_the_chance_that_a_mask_is_larger(plain):
    frames = plain.frames
    areas = frames.area[:, 25]
    wanted = np.mean([(p > n) + 0.5 * (p == n) for p in areas[frames.positive] for n in areas[~frames.positive]])
    assert image_labels(frames)[25] == pytest.approx(wanted)


def test_a_mixture_gives_its_share_back():
    """Where background scores alike in both kinds of frames, the expected IoU is the true one."""
    rng = np.random.default_rng(1)
    builder, pairs = FrameCurvesBuilder(), []
    for index in range(60):
        score, truth = frame(rng, index % 2 == 0, noise=0.12)
        builder.add(str(index), 'b', 0, index % 2 == 0, score)
        if index % 2 == 0:
            pairs.append((score, truth))
    found = positive_unlabelled(builder.build())
    for place in (25, 40, 60):
        masks = [(score > THRESHOLDS[place], truth) for score, truth in pairs]
        true = sum((a & b).sum() for a, b in masks) / sum((a | b).sum() for a, b in masks)
        assert found[place] == pytest.approx(true, abs=0.03)


def test_the_better_of_two_networks_is_chosen():
    candidates = {'noisy': evidence_of(noise=0.25), 'sharp': evidence_of(noise=0.05)}
    for rule in ('composites_0.1', 'composites_then_labels', 'agreement', 'pu'):
        choice = choose(candidates, rule)
        assert choice.candidate == 'sharp', rule
        assert [row['candidate'] for row in choice.table] == ['sharp', 'noisy']
        assert choice.score == choice.table[0]['score'] and choice.curves['noisy'].shape == (99,)


def test_classes_count_alike():
    rng = np.random.default_rng(2)
    one, both = FrameCurvesBuilder(), FrameCurvesBuilder()
    for index in range(40):
        score, _ = frame(rng, index % 2 == 0)
        for builder in (one, both):
            builder.add(str(index), 'b', 0, index % 2 == 0, score)
        for copy in range(5):  # a class of many frames
            both.add(f'{index} {copy}', 'b', 1, index % 2 == 0, score)
    for rule in ('image_labels', 'pu', 'own', 'otsu'):
        curves = [RULES[rule].curve(Evidence(builder.build())) for builder in (one, both)]
        assert np.allclose(*curves), rule


def test_what_a_rule_lacks_is_named(plain):
    bare = Evidence(plain.frames)
    with pytest.raises(ValueError, match=r"Expected composites for the rule 'composites_0.1', but the candidate a "):
        choose({'a': bare}, 'composites_0.1')
    with pytest.raises(ValueError, match='Expected erased for the rule'):
        choose({'a': bare}, 'erase_keep')
    with pytest.raises(ValueError, match='Expected at least one candidate'):
        choose({}, 'own')
    with pytest.raises(KeyError, match="Expected a rule of .*, but got 'best'"):
        find_rule('best')
    with pytest.raises(ValueError, match='Expected a frame that shows a class'):
        choose({'a': Evidence(plain.frames.only(~plain.frames.positive))}, 'own')
    with pytest.raises(ValueError, match='Expected at least one frame'):
        FrameCurvesBuilder().build()


def test_a_judges_word_between_what_it_was_asked(plain):
    said = np.full(99, np.nan)
    said[[9, 49]] = 0.2, 0.6
    curve = RULES['erase_keep'].curve(Evidence(plain.frames, None, said))
    assert curve[29] == pytest.approx(0.4) and np.isnan(curve[[8, 50]]).all()
    assert choose({'a': Evidence(plain.frames, None, said)}, 'erase_keep').threshold == 0.5


def test_kept_evidence_is_the_same(plain, tmp_path):
    plain.save(tmp_path / 'e.npz')
    again = Evidence.load(tmp_path / 'e.npz')
    assert again.frames.blocks == plain.frames.blocks and again.erased is None
    for rule in ('pu', 'agreement', 'composites_labels'):
        assert choose({'a': again}, rule).threshold == choose({'a': plain}, rule).threshold
    (tmp_path / 'bad.npz').write_bytes(b'nothing')
    with pytest.raises(ValueError, match='Expected kept evidence in .*bad.npz'):
        Evidence.load(tmp_path / 'bad.npz')


def test_shares_above():
    score = np.array([[0.1, 0.2], [0.2000001, 0.9]])
    shares = shares_above(score)
    assert shares[19] == 0.5 and shares[9] == 0.75 and shares[89] == 0  # above 0.2, 0.1, 0.9; not at them
    assert shares_above(score, score)[19] == pytest.approx(1.1000001 / 4)
    assert CUTS == (0.05, 0.1, 0.2)


def spoilt(evidence, sure, found, seed=5):
    """Evidence of a refiner that is sure of everything and marks a share of the smoke, and as much elsewhere."""
    rng = np.random.default_rng(seed)
    frames, composites = FrameCurvesBuilder(), CompositeCurvesBuilder()
    for index in range(30):
        _, truth = frame(rng, True)
        score = np.where((rng.random(truth.shape) < found) & truth, sure, 1 - sure)
        frames.add(f'{index}.jpg', f'day {index // 4}', 0, index % 2 == 0, score if index % 2 == 0 else 0 * score)
        composites.add(f'{index}.jpg', f'day {index // 4}', score, truth * 0.5, 0 * score)
    return Evidence(frames.build(), composites.build())


def test_the_default_is_not_flattered_by_what_is_sure_of_spoilt_masks(plain):
    crf = spoilt(plain, sure=0.999, found=0.3)
    both = {'plain': plain, 'crf': crf}
    assert choose(both, DEFAULT_RULE).candidate == 'crf', 'the rule alone is'
    choice = choose_by_default(both)
    assert (choice.candidate, choice.rule) == ('plain', DEFAULT_RULE)
    assert choice.reason == 'left out, since others mark generated smoke far better: crf'
    assert choose_by_default({'plain': plain}).reason == ''


def test_the_default_where_composites_say_nothing(plain):
    none = Evidence(plain.frames)
    assert choose_by_default({'none': none}).rule == RULE_WITHOUT_COMPOSITES
    blind = spoilt(plain, sure=0.6, found=0.01)
    choice = choose_by_default({'blind': blind})
    assert choice.rule == RULE_WITHOUT_COMPOSITES and choice.reason.startswith('generated smoke says nothing of blind')
    assert choose_by_default({'blind': blind, 'plain': plain}).candidate == 'plain'


def test_a_choice_with_few_alarms(plain):
    """A third of the negatives have a patch of 0.5 on a tenth of the frame: below that, they alarm."""
    rng = np.random.default_rng(4)
    frames = FrameCurvesBuilder()
    for index in range(30):
        score = frame(rng, index % 2 == 0)[0]
        if index % 6 == 1:
            score[:4] = 0.5
        frames.add(f'{index}.jpg', f'day {index // 4}', 0, index % 2 == 0, score)
    clouds = Evidence(frames.build(), plain.composites)
    free = choose_by_default({'clouds': clouds})
    assert free.threshold < 0.5 and free.table[0]['alarms'] == pytest.approx(1 / 3)
    assert choose_by_default({'clouds': clouds}, 0.4).threshold == free.threshold
    limited = choose_by_default({'clouds': clouds}, 0.05)
    assert limited.threshold == 0.5 and limited.table[0]['alarms'] == 0 and limited.rule == free.rule
    frames = FrameCurvesBuilder()
    for index in range(10):  # one that always alarms
        frames.add(f'{index}.jpg', 'day', 0, index % 2 == 0, np.full((SIZE, SIZE), 0.4 + 0.6 * (index == 1)))
    always = choose({'one': Evidence(frames.build())}, 'otsu', 0.05)
    assert always.threshold == 0.4 and always.table[0]['alarms'] == 0.2, 'as few as there can be'
    everything = FrameCurvesBuilder()
    everything.add('0.jpg', 'day', 0, True, frame(rng, True)[0])
    one = {'one': Evidence(everything.build())}
    assert choose(one, 'otsu', 0.0).table[0]['alarms'] == 0
    with pytest.raises(ValueError, match="Expected negatives for the rule 'image_labels'"):
        choose(one, 'image_labels')
    with pytest.raises(ValueError, match=r'Expected max_alarms in \[0, 1\], but got 5'):
        choose({'plain': plain}, 'otsu', 5)
