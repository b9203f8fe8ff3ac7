/** Drives examples/offline-till in a real Chromium: orders taken offline, a reload, lost replies, a renewed login, a refused line. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startChromium } from '../../packages/oncekey/test/client/outbox/chromium.ts';
import { startExample } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
let browser: Browser;
beforeAll(async () => {
  browser = await startChromium();
}, 300_000);
afterAll(() => browser?.close());

const tap = (page: Page, name: RegExp) => page.getByRole('button', { name }).first().click();
const flip = (page: Page, id: string) => page.locator(`label:has(#${id})`).click();
const chips = (page: Page, text: string) => page.locator('#queue .chip', { hasText: text });

interface Ledger {
  readonly orders: readonly {
    readonly lines: readonly { readonly sku: string }[];
    readonly payments: readonly { readonly amount: number }[];
  }[];
}

/** What was bought and paid, one line an order; orders go side by side, so their order is nobody's promise. */
async function ledgerOf(url: string): Promise<string[]> {
  const { token } = (await (await fetch(`${url}/login`, { method: 'POST' })).json()) as { token: string };
  const answer = await fetch(`${url}/ledger`, { headers: { Authorization: `Bearer ${token}` } });
  const { orders } = (await answer.json()) as Ledger;
  return orders
    .map(({ lines, payments }) => [...lines.map(({ sku }) => sku), ...payments.map(({ amount }) => amount)].join(' '))
    .toSorted();
}

test('each order, line and payment is in the ledger once', { timeout: 120_000 }, async () => {
  const { said } = await startExample('offline-till/till.js', { PORT: '0', DATABASE: 'keys.db' }, folder);
  const url = said['url'] ?? '';
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(url);

  await flip(page, 'online');
  await tap(page, /Espresso/);
  await tap(page, /Croissant/);
  await tap(page, /Pay/);
  await tap(page, /Cappuccino/);
  await expect.poll(() => chips(page, 'waiting').count()).toBe(6);
  expect(await ledgerOf(url)).toEqual([]);

  // The page is loaded again: the switch, the open ticket and the queue are as they were.
  await page.reload();
  await expect.poll(() => page.locator('#status').textContent()).toBe('Offline · 6 waiting');
  await tap(page, /Cheesecake/);
  await tap(page, /Pay/);

  await flip(page, 'lose');
  await page.locator('#login').click();
  await flip(page, 'online');
  await expect.poll(() => chips(page, 'done').count(), { timeout: 40_000 }).toBe(6);
  await expect.poll(() => page.locator('#status').textContent()).toBe('Online · 1 waiting · 1 needs you');
  expect(await chips(page, 'parked').count()).toBe(1);

  await tap(page, /Correct/);
  await page.locator('#editor-sku').selectOption('croissant');
  await page.locator('#editor-send').click();
  await expect
    .poll(() => page.locator('#status').textContent(), { timeout: 40_000 })
    .toBe('Online · everything is sent');
  expect(await ledgerOf(url)).toEqual(['cappuccino croissant 810', 'espresso croissant 460']);
  expect(errors).toEqual([]);
});
