import { beforeEach, expect, test } from 'vitest';
import { register } from 'prom-client';
import { BatchMetrics } from '../../src/batch/metrics.ts';
import { imageFailed, layerDone, layerFailed, progressEvent } from '../support/batch-events.ts';

let metrics: BatchMetrics;
beforeEach(() => void (metrics = new BatchMetrics()));

/** The numbers by name and labels. */
async function numbers(text: Promise<string> = metrics.text()): Promise<Record<string, string>> {
  const lines = (await text).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(lines.map((line) => line.replace('layermill_batch_', '').split(/ (?=[^ ]+$)/)));
}

test('has the state of the batch as it was told last', async () => {
  metrics.note(progressEvent());
  expect(await numbers()).toMatchObject({
    'images{state="done"}': '12',
    'images{state="failed"}': '3',
    'images{state="waiting"}': '285',
    'layers{state="waiting"}': '35',
    planned_bytes: '4500000000',
    bytes_per_second: '210000000',
    eta_seconds: '15.7',
    elapsed_seconds: '6.5',
    in_flight: '1',
  });
  metrics.note(progressEvent({ etaSeconds: null, active: [] }));
  expect(await numbers()).toMatchObject({ eta_seconds: 'Nan', in_flight: '0' });
});

test('counts bytes, failures and seconds by the events', async () => {
  for (const event of [layerDone('b1', 100, 40), layerDone('b2', 7, 0)]) metrics.note(event);
  for (const event of [layerFailed('b3', 1000), layerFailed('b3', null), imageFailed('i1', null)]) metrics.note(event);
  expect(await numbers()).toMatchObject({
    bytes_total: '107',
    sent_bytes_total: '40',
    'failures_total{code="REGISTRY_UNREACHABLE"}': '3',
    'retries_total{code="REGISTRY_UNREACHABLE"}': '1',
    'stage_seconds_total{stage="read"}': '0.5',
    'stage_seconds_total{stage="compress"}': '1.5',
    'stage_seconds_total{stage="wait"}': '0',
  });
});

test('keeps nothing in the process: two batches have their own numbers', async () => {
  metrics.note(layerDone('b1', 100));
  expect((await numbers(new BatchMetrics().text()))['bytes_total']).toBe('0');
  expect(register.getMetricsAsArray()).toEqual([]);
});

test('serves them on loopback until it is closed', async () => {
  metrics.note(progressEvent());
  const server = await metrics.serve(0);
  expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  const answer = await fetch(server.url);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/plain')]);
  expect(await numbers(answer.text())).toMatchObject({ in_flight: '1' });
  expect((await fetch(server.url.replace('/metrics', '/'))).status).toBe(404);
  expect((await fetch(server.url, { method: 'POST' })).status).toBe(405);
  await server.close();
  await expect(fetch(server.url)).rejects.toThrow();
});

test('says which port is in use', async () => {
  await using server = await metrics.serve(0);
  const port = Number(new URL(server.url).port);
  await expect(metrics.serve(port)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: expect.stringContaining(`port ${port} of 127.0.0.1 is in use`) as string,
  });
});
