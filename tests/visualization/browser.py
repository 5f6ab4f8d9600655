"""Chromium without a window, driven by selenium."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

import pytest

BROWSERS = ('chromium', 'chromium-browser', 'google-chrome')


def find_browser() -> tuple[str, str]:
    """Paths of Chromium and of its driver; without them a test is skipped, with MMWSSS_BROWSER=1 it fails."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which('chromedriver')
    try:
        import selenium  # noqa: F401
    except ImportError:
        driver = None
    if browser is None or driver is None:
        message = 'needs Chromium, its driver and selenium (apt-get install chromium chromium-driver)'
        pytest.fail(message) if os.environ.get('MMWSSS_BROWSER') else pytest.skip(message)
    return browser, driver


@contextlib.contextmanager
def chromium(downloads: Path, width: int = 1280, height: int = 900, dark: bool = False, phone: bool = False):
    """A driver whose window has a size; files that a page gives go to ``downloads``."""
    browser, driver_path = find_browser()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
                 '--disable-background-networking', '--disable-component-update', '--disable-sync',
                 '--hide-scrollbars', f'--window-size={width},{height}'):  # fmt: skip
        options.add_argument(flag)
    options.add_argument(f'--user-data-dir={downloads / "profile"}')
    options.add_experimental_option('prefs', {'download.default_directory': str(downloads)})
    options.set_capability('goog:loggingPrefs', {'browser': 'ALL', 'performance': 'ALL'})
    driver = webdriver.Chrome(options=options, service=Service(driver_path))
    try:
        metrics = {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': phone}
        driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', metrics)
        scheme = [{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}]
        driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': scheme})
        yield driver
    finally:
        driver.quit()


def wait_for(condition, what: str, seconds: float = 30):
    """The first true value of a function."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f'waited {seconds} s for {what}')


def check_quiet(driver) -> None:
    """No error in the console, and nothing asked of anybody but the file itself."""
    import json

    bad = [row for row in driver.get_log('browser') if row['level'] in ('SEVERE', 'WARNING')]
    assert not bad, bad
    for row in driver.get_log('performance'):
        message = json.loads(row['message'])['message']
        if message['method'] == 'Network.requestWillBeSent':
            address = message['params']['request']['url']
            own = ('file:', 'data:', 'blob:', 'chrome:', 'chrome-untrusted:')  # the last two: its start page
            assert address.startswith(own), address


def fits(driver) -> bool:
    """Whether the page is no wider than its window."""
    script = 'return document.documentElement.scrollWidth <= document.documentElement.clientWidth'
    return driver.execute_script(script)


def contrast_failures(driver) -> list:
    """Visible texts whose colour stands below 4.5 : 1 against what is behind them (3 : 1 where disabled)."""
    return driver.execute_script(
        """
        const parse = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
          .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
          .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
        const behind = (node) => {
          for (; node; node = node.parentElement) {
            const colour = parse(getComputedStyle(node).backgroundColor);
            if (colour.length < 4 || colour[3] > .99) return colour;
          }
          return [255, 255, 255];
        };
        const bad = [];
        for (const node of document.querySelectorAll('body *')) {
          const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
          if (!own || !node.offsetParent || node.closest('svg') || node.closest(':disabled')) continue;
          const a = light(parse(getComputedStyle(node).color)), b = light(behind(node));
          const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
          if (ratio < 4.5) bad.push([node.tagName, node.id, node.textContent.slice(0, 30), ratio]);
        }
        return bad.slice(0, 5);
        """
    )


def unnamed_controls(driver) -> list:
    """Controls that a screen reader could not name."""
    return driver.execute_script(
        """
        return [...document.querySelectorAll('button, select, input, canvas, img, [role=img]')].filter((node) => {
          if (!node.offsetParent) return false;
          const label = node.labels && [...node.labels].map((row) => row.textContent.trim()).join('');
          return !(label || node.getAttribute('aria-label') || node.alt || node.textContent.trim()
                   || node.getAttribute('aria-labelledby'));
        }).map((node) => node.outerHTML.slice(0, 100)).slice(0, 5);
        """
    )
