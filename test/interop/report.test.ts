import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { batchReport } from '../../src/batch/report/batch-report.ts';
import { reportPage } from '../../src/batch/report/html/report-page.ts';
import { junitXml } from '../../src/batch/report/junit.ts';
import { mergeReports } from '../../src/batch/report/merge-reports.ts';
import { MadeLedger, failure } from '../support/batch-lab.ts';
import { sceneOf } from '../support/batch-scenes.ts';
import { missing } from '../support/programs.ts';

const absent = missing(['chromium']);
if (absent.length > 0) console.log('skipped: chromium not installed');

const EVIL = '</script></title><img src="http://evil.example/x" onerror="alert(1)">\'\u202e\u0000&';

/** Names of which nothing may be seen but letters. */
function hostile(): MadeLedger {
  const made = new MadeLedger();
  made.location = EVIL;
  return made
    .layer(EVIL, { image: EVIL, stages: { read: 5 } })
    .image(EVIL, { ref: EVIL, names: [EVIL], layers: [EVIL], warnings: [EVIL], destination: EVIL })
    .image('b', { ref: EVIL, layers: [EVIL], state: 'failed', failure: failure({ message: EVIL }) })
    .event('opened', 0)
    .event('done', 2, { kind: 'blob', key: EVIL, bytes: 10 });
}

const reading = sceneOf({ images: 12, shared: 3, failEvery: 6 });
const shards = ['/1.ledger', '/2.ledger'].map((location) => batchReport({ ...reading, location }));

/** Each with the charts that it has. */
const PAGES = {
  'nothing failed': { report: batchReport(sceneOf({ images: 300, shared: 40 })), charts: 3 },
  'all failed': { report: batchReport(sceneOf({ images: 20, shared: 4, failEvery: 1 })), charts: 3 },
  'one image': { report: batchReport(sceneOf({ images: 1, shared: 1 })), charts: 2 },
  '10,000 images': { report: batchReport(sceneOf({ images: 10_000, shared: 400, failEvery: 2500 })), charts: 3 },
  'a pause': { report: batchReport(sceneOf({ images: 100, shared: 9, pause: 28_800 })), charts: 3 },
  'a run under way': {
    report: batchReport(sceneOf({ images: 100, shared: 9, done: 0.6, destinations: 3 })),
    charts: 3,
  },
  'merged shards': { report: mergeReports(shards), charts: 3 },
  'hostile names': { report: batchReport(hostile().reading()), charts: 3 },
};

describe.skipIf(absent.length > 0)('the page of a batch in a browser', () => {
  let work: string;
  let browser: Browser;

  beforeAll(async () => {
    work = mkdtempSync(join(tmpdir(), 'layermill-interop-report-'));
    const args = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(work, { recursive: true });
  });

  /** Opens a document; answers the page with all that it said and asked for beside itself. */
  async function opened(name: string, text: string, theme: 'light' | 'dark', width: number): Promise<Opened> {
    const file = join(work, name);
    writeFileSync(file, text);
    const page = await browser.newPage({ colorScheme: theme, viewport: { width, height: 800 } });
    const told: string[] = [];
    const address = pathToFileURL(file).href;
    page.on('console', (message) => told.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => told.push(`error: ${error.message}`));
    page.on('request', (request) => {
      if (request.url() !== address) told.push(`request: ${request.url()}`);
    });
    await page.goto(address);
    return { page, told };
  }

  for (const [name, { report, charts }] of Object.entries(PAGES)) {
    it(`is drawn, asks for nothing and fits: ${name}`, async () => {
      const text = reportPage(report);
      for (const [theme, width] of [
        ['light', 1280],
        ['dark', 360],
      ] as const) {
        const { page, told } = await opened('report.html', text, theme, width);
        expect(told).toEqual([]);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
        const sizes = await drawn(page);
        expect(sizes.filter(({ chart }) => chart)).toHaveLength(charts);
        for (const { width: wide, height, label, shapes } of sizes) {
          expect([label, wide > 0 && height > 0, shapes > 0]).toEqual([label, true, true]);
        }
        expect(await isLight(page)).toBe(theme === 'light');
        await page.close();
      }
    });
  }

  it('lays out a table of images when it is opened, and keeps its head in sight', async () => {
    const { page } = await opened('report.html', reportPage(PAGES['10,000 images'].report), 'light', 1280);
    const last = page.locator('details:has(> .tall)').last();
    const row = last.locator('tbody > tr').last();
    expect(await row.isVisible()).toBe(false);
    await last.locator('summary').first().click();
    expect(await row.isVisible()).toBe(true);
    await row.scrollIntoViewIfNeeded();
    const [head, table] = await Promise.all([
      last.locator('th').first().boundingBox(),
      last.locator('.tall').boundingBox(),
    ]);
    expect(Math.abs(head!.y - table!.y)).toBeLessThan(2);
    await page.close();
  });

  it('shows names as they are written', async () => {
    const { page } = await opened('report.html', reportPage(PAGES['hostile names'].report), 'light', 1280);
    expect(await page.locator('img, script').count()).toBe(0);
    const shown = EVIL.replace('\u202e', '\\u{202e}').replace('\u0000', '\\u{0}');
    expect(await page.locator('td strong').first().textContent()).toBe(shown);
    await page.close();
  });

  it('has a sister that is XML', async () => {
    for (const report of [PAGES['hostile names'].report, PAGES['all failed'].report]) {
      const { page, told } = await opened('report.xml', junitXml(report), 'light', 1280);
      expect(told).toEqual([]);
      const found = await page.evaluate(
        "[document.querySelectorAll('testcase').length, document.querySelectorAll('parsererror').length]",
      );
      expect(found).toEqual([report.images.length, 0]);
      await page.close();
    }
  });
});

interface Opened {
  page: Page;
  told: string[];
}

interface Drawn {
  /** The large ones, not a bar of a row. */
  chart: boolean;
  label: string;
  width: number;
  height: number;
  /** Rectangles in it that are seen. */
  shapes: number;
}

/** Every picture that is seen at first, with its size. */
async function drawn(page: Page): Promise<Drawn[]> {
  const found = await page.evaluate(`[...document.querySelectorAll('svg')].map((svg) => {
    const { width, height } = svg.getBoundingClientRect();
    const shapes = [...svg.querySelectorAll('rect')].filter((rect) => rect.getBoundingClientRect().width > 0);
    return { chart: svg.matches('.chart, .parts'), label: svg.getAttribute('aria-label'), width, height, shapes: shapes.length };
  }).concat([...document.querySelectorAll('.stages .bars')].map((bars) => {
    const { width, height } = bars.getBoundingClientRect();
    return { chart: true, label: 'stages', width, height, shapes: bars.querySelectorAll('rect').length };
  }))`);
  return found as Drawn[];
}

async function isLight(page: Page): Promise<boolean> {
  const color = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
  const [red = 0] = (color.match(/\d+/g) ?? []).map(Number);
  return red > 128;
}
