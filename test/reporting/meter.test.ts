import { expect, it } from 'vitest';
import { Meter } from '../../src/reporting/meter.ts';

it('says nothing before there is something to say', () => {
  const meter = new Meter();
  expect(meter.rate).toBeNull();
  meter.observe(0, 0);
  meter.observe(1_000_000, 100);
  expect(meter.rate).toBeNull();
  expect(meter.secondsFor(1)).toBeNull();
});

it('measures the last ten seconds only', () => {
  const meter = new Meter();
  for (let second = 0; second <= 60; second++) meter.observe(second < 30 ? second * 1000 : 30_000, second * 1000);
  expect(meter.rate).toBe(0);
  expect(meter.secondsFor(10)).toBeNull();
});

it('tells how long the rest takes at this speed', () => {
  const meter = new Meter();
  meter.observe(0, 0);
  meter.observe(500, 1000);
  expect(meter.rate).toBe(500);
  expect(meter.secondsFor(1500)).toBe(3);
});

it('is never negative when a total was corrected downwards', () => {
  const meter = new Meter();
  meter.observe(1000, 0);
  meter.observe(10, 1000);
  expect(meter.rate).toBe(0);
});
