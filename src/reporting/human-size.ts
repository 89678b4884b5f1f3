const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];

/** A number of bytes in decimal units with four significant digits, as C prints `%.4g`: 1024 → `1.024 kB`. */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${fourDigits(value)} ${UNITS[unit]}`;
}

/** Four significant digits. A tie goes to the even digit, as in C and Go; `toPrecision` alone would round it up. */
function fourDigits(value: number): number {
  const rounded = Number(value.toPrecision(4));
  const exact = /^-?(\d)\.(\d{3})50*e/.exec(value.toExponential(60));
  if (exact === null) return rounded;
  const kept = Number(`${exact[1]}${exact[2]}`);
  return kept % 2 === 0 ? Number(value.toExponential(60).replace(/50*e/, 'e')) : rounded;
}
